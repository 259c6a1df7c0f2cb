"""What each magic takes: one table per magic, read by the parser, the help, the completer and the docs.

Lines are split by :mod:`shlex` in POSIX mode. Wrong usage is one :class:`UsageProblem` sentence: what was typed, what
is allowed, the nearest match. Knows no session.
"""

from __future__ import annotations

import argparse
import keyword
import re
import shlex
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, NoReturn

from jobkernel.errors import JobkernelError, did_you_mean, nearest
from jobkernel.records import dataclass
from jobkernel.rules.executor_choice import read_executor

Shape = Literal["value", "flag", "many", "list", "words"]


class UsageProblem(JobkernelError):
    """A magic was used wrongly; the message is one line."""


class HelpAsked(JobkernelError):
    """``--help`` was given; the message is the help text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a magic.

    ``shape``: ``value`` takes one word, ``flag`` none, ``many`` may be repeated, ``list`` takes words split at commas,
    ``words`` all words up to the next option, split at commas too.
    ``completes`` names what Tab offers for its value.
    """

    name: str
    help: str
    shape: Shape = "value"
    metavar: str = "VALUE"
    short: str | None = None
    choices: tuple[str, ...] = ()
    completes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One magic: its words, positional arguments and options.

    ``rest`` takes all words that are left; with ``takes_raw_text`` the whole line as it was typed.
    """

    magic: str
    about: str
    positional: tuple[str, ...] = ()
    optional_positional: tuple[str, ...] = ()
    rest: str | None = None
    takes_raw_text: bool = False
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()

    def parse(self, line: str) -> argparse.Namespace:
        """Read a magic's line.

        Raises:
            UsageProblem: it does not fit.
            HelpAsked: it asks for help.
        """
        if self.takes_raw_text and self.rest and line.strip() not in ("--help", "-h"):
            return argparse.Namespace(**{self.rest: line.strip()})
        try:
            words = shlex.split(line, posix=True)
        except ValueError as error:
            raise UsageProblem(f"{self.magic}: {_shlex_words(error)} in: {line.strip()}") from error
        if "--help" in words or "-h" in words:
            raise HelpAsked(self.help_text())
        return self._read(words)

    def help_text(self) -> str:
        """Return the help: usage, what it does, every option in a line."""
        lines = [f"{self.magic} {self._shape()}".rstrip(), "", f"  {self.about}"]
        if self.options:
            width = max(len(_spelled(option)) for option in self.options) + 2
            lines += ["", *(f"  {_spelled(option):<{width}}{option.help}" for option in self.options)]
        if self.examples:
            word = "Example" if len(self.examples) == 1 else "Examples"
            lines += [
                "",
                f"  {word}: {self.examples[0]}",
                *(f"  {'':{len(word)}}  {each}" for each in self.examples[1:]),
            ]
        return "\n".join(lines)

    def _shape(self) -> str:
        words = [name.upper() for name in self.positional]
        words += [f"[{name.upper()}]" for name in self.optional_positional]
        words += [f"[{self.rest.upper()} …]"] if self.rest else []
        return " ".join([*words, "[options]"] if self.options else words)

    def _read(self, words: Sequence[str]) -> argparse.Namespace:
        parser = _Parser(self)
        found, unknown = parser.parse_known_args(list(words))
        if unknown:
            self._refuse(unknown[0])
        for option in self.options:
            if option.shape in ("list", "words"):
                setattr(found, _place(option), _split(getattr(found, _place(option))))
        return found

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            expected = self._shape() or "nothing"
            quoted = " A value with blanks is quoted." if any(option.shape != "flag" for option in self.options) else ""
            raise UsageProblem(f"{self.magic}: '{word}' is one word too many; expected {expected}.{quoted}")
        known = [f"--{option.name}" for option in self.options]
        match = nearest(word.partition("=")[0], known)
        guess = f" Did you mean {match}?" if match else ""
        raise UsageProblem(
            f"{self.magic}: no option {word.partition('=')[0]}.{guess} `{self.magic} --help` lists them all."
        )


class _Parser(argparse.ArgumentParser):
    def __init__(self, usage: Usage) -> None:
        super().__init__(prog=usage.magic, add_help=False, allow_abbrev=False)
        self._usage_of = usage
        for name in usage.positional:
            self.add_argument(name)
        for name in usage.optional_positional:
            self.add_argument(name, nargs="?")
        if usage.rest:
            self.add_argument(usage.rest, nargs="*")
        for option in usage.options:
            self._add(option)

    def _add(self, option: Option) -> None:
        names = [f"--{option.name}"] + ([f"-{option.short}"] if option.short else [])
        if option.shape == "flag":
            self.add_argument(*names, dest=_place(option), action="store_true")
        else:
            action = {"many": "append", "list": "append", "words": "extend"}.get(option.shape, "store")
            several: dict[str, Any] = {"nargs": "+"} if option.shape == "words" else {}
            self.add_argument(*names, dest=_place(option), action=action, type=_one_of(option.choices), **several)

    def error(self, message: str) -> NoReturn:
        usage = self._usage_of
        sentence = message.replace("the following arguments are required:", "missing").replace("argument ", "")
        sentence = re.sub(r"expected (one|at least one) argument", "needs a value", sentence)
        raise UsageProblem(f"{usage.magic}: {sentence}. Usage: {usage.magic} {usage._shape()}")


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """Return what reads a word that must be one of these; its case, and ``_`` for ``-``, do not matter."""

    def read(word: str) -> str:
        found = {choice.lower(): choice for choice in choices}.get(word.lower().replace("_", "-"))
        if choices and found is None:
            known = ", ".join(choices)
            raise argparse.ArgumentTypeError(f"there is no '{word}'.{did_you_mean(word, choices)} Known are {known}")
        return found or word

    return read


def _place(option: Option) -> str:
    name = option.name.replace("-", "_")
    return f"{name}_form" if keyword.iskeyword(name) else name


def _spelled(option: Option) -> str:
    value = "" if option.shape == "flag" else f" {option.metavar}"
    return (f"-{option.short}, " if option.short else "") + f"--{option.name}{value}"


def _split(given: list[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return tuple(word.strip() for each in given for word in each.split(",") if word.strip())


def _shlex_words(error: ValueError) -> str:
    return {"No closing quotation": "a quote is not closed", "No escaped character": "a \\ escapes nothing"}.get(
        str(error), str(error)
    )


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str, what: str) -> timedelta:
    """Return the time of ``30s``, ``5m``, ``24h``, ``7d`` or bare seconds.

    Raises:
        UsageProblem: the text is none of these, or below zero.
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        found = timedelta(seconds=float(number) * UNITS[unit])
    except (ValueError, OverflowError) as error:
        raise UsageProblem(f"{what}: '{text}' is no duration; write 30s, 5m or 24h.") from error
    if found < timedelta():
        raise UsageProblem(f"{what}: '{text}' is below zero.")
    return found


def pairs(given: Sequence[str] | None, what: str) -> dict[str, str]:
    """Return the mapping of ``k=v`` words; a bare ``k`` has an empty value."""
    found: dict[str, str] = {}
    for word in given or ():
        key, _, value = word.partition("=")
        if not key:
            raise UsageProblem(f"{what}: '{word}' has no name; write {what} name=value.")
        found[key] = value
    return found


def whole_number(text: str | None, what: str, *, least: int | None = None) -> int | None:
    """Return the integer of a text, None for None.

    Raises:
        UsageProblem: it is no whole number, or below ``least``.
    """
    if text is None:
        return None
    try:
        found = int(text)
    except ValueError as error:
        raise UsageProblem(f"{what}: '{text}' is no whole number.") from error
    if least is not None and found < least:
        raise UsageProblem(f"{what}: {text} is below {least}.")
    return found


def executor_name(text: str | None) -> str | None:
    """Return the executor that ``--executor`` names, None for None.

    Raises:
        InvalidConfig: there is no such executor; the sentence names the nearest.
    """
    if text is not None:
        read_executor(text, "--executor")
    return text


def value_or_name(text: str, names: dict[str, Any]) -> Any:
    """Return the notebook variable that a bare word names, else the JSON it holds, else the text."""
    import json

    if text.isidentifier() and text in names:
        return names[text]
    try:
        return json.loads(text)
    except ValueError:
        return text
