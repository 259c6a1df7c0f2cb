"""Read selections written in Dagster's language. The notebook's reader builds on this one.

Knows syntax only: it builds through a Maker and names no node; ``rules.selection`` is the maker.
Traversal binds before ``not``, then ``and``, then ``or``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Generic, NoReturn, Protocol, TypeVar

from jobkernel.errors import InvalidSelection, did_you_mean
from jobkernel.records import dataclass

FILTER_WORDS = ("key", "group", "tag", "kind", "owner", "status", "is", "partitions")
SERVICE_WORDS = (
    "code_location",
    "column",
    "table_name",
    "column_tag",
    "changed_in_branch",
    "automation_type",
    "sensor",
    "schedule",
    "job",
)
PAIR_WORDS = frozenset({"tag", "column_tag"})
FUNCTIONS = ("sinks", "roots")
IS_WORDS = ("external", "materializable")
VALUES_TOO = frozenset({"sensor", "schedule", "job"})
OPERATORS = frozenset({"and", "or", "not", "AND", "OR", "NOT"})
RESERVED = OPERATORS | {*FILTER_WORDS, *SERVICE_WORDS, *FUNCTIONS}
DEEPEST = 100

S = TypeVar("S")


class Maker(Protocol[S]):
    """What the readers build with; the operators ``& | -`` of what it makes do the rest."""

    def everything(self) -> S: ...
    def having(self, word: str, value: str | None, equals: str | None) -> S: ...
    def reaching(self, found: S, direction: str, depth: int | None) -> S: ...
    def ends(self, function: str, found: S) -> S: ...
    def both(self, kind: str, left: S, right: S) -> S: ...


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: ``kind`` is word, digits, quoted, null, end or the sign itself."""

    kind: str
    text: str
    start: int
    end: int


class DagsterReader(Generic[S]):
    """Dagster's grammar, accepting and refusing what it does; white space never matters."""

    TOKENS = re.compile(
        r'(?P<word>[A-Za-z_*][A-Za-z0-9_*/]*)|(?P<digits>[0-9]+)|(?P<quoted>"[^"\\\r\n]*")'
        r"|(?P<null><null>)|(?P<sign>[=+:(),])|(?P<space>[ \t\r\n]+)"
    )
    WORDS: tuple[str, ...] = (*FILTER_WORDS, *SERVICE_WORDS)

    def __init__(self, text: str, maker: Maker[S]) -> None:
        self.text = text
        self.maker = maker
        self.tokens = list(self._cut())
        self.place = 0
        self.depth = 0

    def read(self) -> S:
        found = self.read_or()
        if self.token.kind != "end":
            self.refuse(f"'{self.token.text}' is not expected here")
        return found

    def _cut(self) -> Iterator[Token]:
        start = 0
        while start < len(self.text):
            match = self.TOKENS.match(self.text, start)
            if match is None:
                refuse(self.text, start, f"'{self.text[start]}' has no meaning here; quote what holds it")
            kind, cut = str(match.lastgroup), match.group()
            if kind != "space":
                yield Token(cut if kind == "sign" else kind, cut, start, match.end())
            start = match.end()
        yield Token("end", "the end", start, start)

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    @property
    def following(self) -> Token:
        return self.tokens[min(self.place + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.tokens[self.place]
        self.place += 1
        return token

    def refuse(self, problem: str, at: Token | None = None) -> NoReturn:
        refuse(self.text, (at or self.token).start, problem)

    def takes_operator(self, word: str) -> bool:
        token = self.tokens[self.place]
        if token.kind == "word" and token.text in (word, word.upper()):
            self.place += 1
            return True
        return False

    def read_or(self) -> S:
        found = self.read_and()
        while self.takes_operator("or"):
            found = self.maker.both("or", found, self.read_and())
        return found

    def read_and(self) -> S:
        found = self.read_not()
        while self.takes_operator("and"):
            found = self.maker.both("and", found, self.read_not())
        return found

    def read_not(self) -> S:
        negations = 0
        while self.takes_operator("not"):
            negations += 1
        found = self.read_reach()
        for _ in range(negations):
            found = self.maker.both("not", self.maker.everything(), found)
        return found

    def read_reach(self) -> S:
        if self.token.text == "*":
            self.take()
            return self.maker.everything()
        up = self.read_up()
        found = self.read_atom()
        return self.reached(found, up, self.read_down())

    def reached(self, found: S, up: tuple[int | None] | None, down: tuple[int | None] | None) -> S:
        sides = [self.maker.reaching(found, "upstream", up[0])] if up else []
        sides += [self.maker.reaching(found, "downstream", down[0])] if down else []
        if len(sides) == 2:
            return self.maker.both("or", sides[0], sides[1])
        return sides[0] if sides else found

    def read_up(self) -> tuple[int | None] | None:
        depth = int(self.take().text) if self.token.kind == "digits" else None
        if self.token.kind == "+":
            self.take()
            return (depth,)
        if depth is not None:
            self.refuse(f"after the number {depth} a '+' is expected")
        return None

    def read_down(self) -> tuple[int | None] | None:
        if self.token.kind != "+":
            return None
        self.take()
        return (int(self.take().text) if self.token.kind == "digits" else None,)

    def read_atom(self) -> S:
        token = self.token
        if token.kind == "(":
            return self.read_brackets()
        if token.kind == "word" and token.text in FUNCTIONS and self.following.kind == "(":
            self.take()
            return self.maker.ends(token.text, self.read_brackets())
        if token.kind == "word" and self.following.kind == ":":
            return self.read_filter()
        return self.read_bare()

    def read_brackets(self) -> S:
        opening = self.take()
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(f"brackets may be nested {DEEPEST} deep", opening)
        found = self.read_inside()
        self.depth -= 1
        if self.token.kind != ")":
            self.refuse(f"a ')' is expected before {shown(self.token)}")
        self.take()
        return found

    def read_inside(self) -> S:
        return self.read_or()

    def read_bare(self) -> S:
        token = self.token
        if token.kind in ("word", "quoted") and token.text not in RESERVED:
            self.refuse(f"write key:{token.text} to name an asset together with other words")
        self.refuse(f"an asset or a filter is expected, not {shown(token)}")

    def read_filter(self) -> S:
        name = self.take()
        if name.text not in self.WORDS:
            self.refuse(unknown_filter(name.text, self.WORDS), name)
        self.take()
        value = self.read_value(name.text)
        equals = None
        if name.text in PAIR_WORDS and self.token.kind == "=":
            self.take()
            equals = self.read_value(name.text)
        self.check(name, value)
        if name.text in PAIR_WORDS:
            equals = equals or ""
        return self.maker.having(name.text, value, equals)

    def check(self, name: Token, value: str | None) -> None:
        if name.text == "is" and value not in IS_WORDS:
            self.refuse(f"is: takes external or materializable, not {value}", name)
        if name.text in PAIR_WORDS and value is None:
            self.refuse(f"{name.text}: needs a name", name)

    def read_value(self, word: str) -> str | None:
        token = self.take()
        if token.kind == "quoted":
            return token.text[1:-1]
        if token.kind == "null" and word != "key":
            return None
        if not is_bare_value(token, word):
            self.refuse(f"after '{word}:' a value is expected, not {shown(token)}; quote it if it is one", token)
        return token.text


def is_bare_value(token: Token, word: str) -> bool:
    """Whether Dagster takes the token as the value of the filter ``word`` without quotes."""
    if token.kind != "word" or token.text == "*":
        return False
    if word == "key":
        return token.text not in RESERVED
    return "*" not in token.text and (token.text in VALUES_TOO or token.text not in RESERVED)


def unknown_filter(word: str, known: tuple[str, ...]) -> str:
    """Return the sentence about a filter that does not exist."""
    words = [f"{name}:" for name in known]
    remedy = did_you_mean(f"{word}:", words) or f" There are {', '.join(words)}"
    return f"there is no filter '{word}:'.{remedy}"


def shown(token: Token) -> str:
    """Return the token as a sentence names it."""
    return token.text if token.kind == "end" else f"'{token.text}'"


def refuse(text: str, start: int, problem: str) -> NoReturn:
    """Raise InvalidSelection: what was typed, where, what is allowed."""
    ending = "" if problem.endswith("?") else "."
    raise InvalidSelection(f"Selection '{text}', character {start + 1}: {problem}{ending}")
