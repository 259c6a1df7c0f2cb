"""Read selections in the language of magics and the command line: ``orders``, ``+orders``, ``group:sales``.

Builds on the reader of Dagster's language and adds bare words as keys, lists (``a b, c``) and wildcards
everywhere. Here a ``+`` belongs to the name that it touches.
"""

from __future__ import annotations

import re

from jobkernel.errors import InvalidSelection
from jobkernel.rules.selection_text import (
    FILTER_WORDS,
    OPERATORS,
    SERVICE_WORDS,
    DagsterReader,
    Maker,
    S,
    Token,
    refuse,
    shown,
    unknown_filter,
)

ALLOWED = "name assets (orders, +orders, orders+1), filters (group:sales), and / or / not and ( )"


class NotebookReader(DagsterReader[S]):
    """The language of magics and the command line."""

    NAME = r"[^\s()\",+=:]+"
    TOKENS = re.compile(
        r"(?P<digits>[0-9]+)(?![^\s()\",+=:])|(?P<quoted>\"[^\"]*\")"
        rf"|(?P<word>{NAME})|(?P<sign>[=+:(),])|(?P<space>\s+)"
    )
    VALUE = re.compile(r"\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[^\s()\",+=]+))")
    WORDS = FILTER_WORDS

    def __init__(self, text: str, maker: Maker[S]) -> None:
        super().__init__(text, maker)
        self.operator: Token | None = None

    def read(self) -> S:
        if not self.text.strip():
            raise InvalidSelection(f"The selection is empty; {ALLOWED}.")
        found = self.read_inside()
        if self.token.kind != "end":
            self.refuse(f"{shown(self.token)} is not expected here; {ALLOWED}")
        return found

    def read_inside(self) -> S:
        """A union of what is written side by side, or one expression with and, or and not; never a mixture."""
        outer, self.operator = self.operator, None
        found = self.read_or()
        several = False
        while self.token.kind == "," or self.begins_term():
            if self.token.kind == ",":
                self.take()
            found = self.maker.both("or", found, self.read_or())
            several = True
        if several and self.operator is not None:
            self.refuse(
                f"'{self.operator.text}' stands in a list; write 'or' between all of it, or put it in brackets",
                self.operator,
            )
        self.operator = outer
        return found

    def takes_operator(self, word: str) -> bool:
        token = self.token
        taken = super().takes_operator(word)
        if taken:
            self.operator = token
        return taken

    def begins_term(self) -> bool:
        token = self.token
        if token.kind == "+":
            return True
        return token.kind in ("(", "word", "digits", "quoted") and token.text not in ("and", "AND", "or", "OR")

    def touches(self, left: Token, right: Token) -> bool:
        return left.end == right.start and right.kind not in ("end", ")", ",")

    def read_up(self) -> tuple[int | None] | None:
        depth = None
        token, plus = self.token, self.following
        if token.kind == "digits":
            after = self.tokens[min(self.place + 2, len(self.tokens) - 1)]
            if plus.kind != "+" or not self.touches(token, plus) or not self.touches(plus, after):
                return None
            depth = int(self.take().text)
        if self.token.kind != "+":
            return None
        if not self.touches(self.token, self.following):
            self.refuse("a '+' must touch the name it belongs to, as in +orders or orders+")
        self.take()
        return (depth,)

    def read_down(self) -> tuple[int | None] | None:
        before = self.tokens[self.place - 1]
        plus = self.token
        if plus.kind != "+" or not self.touches(before, plus):
            return None
        self.take()
        depth = None
        if self.token.kind == "digits" and self.touches(plus, self.token):
            plus = self.take()
            depth = int(plus.text)
        if self.touches(plus, self.token):
            self.refuse(f"it is not clear where this belongs; put a blank before or after '{plus.text}'", plus)
        return (depth,)

    def read_bare(self) -> S:
        token = self.token
        if token.kind not in ("word", "digits", "quoted") or token.text in OPERATORS:
            self.refuse(f"a name or a filter is expected, not {shown(token)}")
        self.take()
        if self.token.kind == "(" and self.touches(token, self.token):
            self.refuse(f"'{token.text}(' is no function; there are sinks( ) and roots( )", token)
        if self.token.kind == "=":
            self.refuse(f"'=' belongs into tag:{token.text}=…")
        return self.maker.having("key", token.text.strip('"'), None)

    def read_filter(self) -> S:
        name = self.take()
        self.known_filter(name)
        start = self.take().end
        value, end = self.cut_value(name, start)
        equals = None
        if name.text == "tag" and self.text[end : end + 1] == "=":
            equals, end = self.cut_value(name, end + 1)
        self.skip_to(end)
        self.check(name, value)
        return self.maker.having(name.text, value, equals)

    def known_filter(self, name: Token) -> None:
        if name.text in SERVICE_WORDS:
            self.refuse(f"'{name.text}:' selects in Dagster's own web interface only", name)
        if name.text not in self.WORDS:
            self.refuse(unknown_filter(name.text, self.WORDS), name)

    def cut_value(self, name: Token, start: int) -> tuple[str, int]:
        match = self.VALUE.match(self.text, start)
        if match is None:
            refuse(self.text, start, f"after '{name.text}:' a value is expected")
        quoted = match["quoted"]
        return (match["plain"] if quoted is None else quoted), match.end()

    def skip_to(self, end: int) -> None:
        while self.token.kind != "end" and self.token.start < end:
            self.take()
        value_end = self.tokens[self.place - 1]
        if value_end.end != end:
            self.refuse("the value is not closed; put it in double quotes")
