"""Which kernel sees to which schedule or sensor: leases with fencing tokens. Knows no socket, no clock, no history.

A lease ends when its holder lets go, is gone, or has been silent for too long; the next kernel in line has it then,
with a higher token, and what the old holder still claims by its own is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Final, NamedTuple

from jobkernel.records import dataclass

SILENCE_S: Final = 6.0
"""After so long without a word from its holder a lease goes to the next in line. Holders speak every two seconds."""


class Lease(NamedTuple):
    """Who holds, and the token that its claims carry."""

    client_id: str
    token: int


class Granted(NamedTuple):
    """A lease that went to somebody, and who had it before."""

    name: str
    lease: Lease
    previous: str | None = None


@dataclass(slots=True)
class Leases:
    """Leases by the automation's name, and who waits for each, in order. Instants are seconds of a monotonic clock."""

    held: dict[str, Lease] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    yields: set[str] = field(default_factory=set)
    """Clients that give way to any other: headless kernels, whose notebook may be opened again."""
    newest: int = 0
    since: float | None = None
    """When a client was first heard of: those that an earlier server knew may still be on their way."""

    def hold(
        self, client_id: str, names: Iterable[str], now: float, now_us: int, *, gives_way: bool = False
    ) -> list[Granted]:
        """Ask for leases; return those that went to somebody by this. The client waits for the others."""
        self._note(client_id, now)
        if gives_way:
            self.yields.add(client_id)
        granted: list[Granted] = []
        for name in names:
            holder = self.held.get(name)
            if holder is None or (holder.client_id in self.yields and not gives_way):
                if holder is not None:
                    self.waiting.setdefault(name, []).append(holder.client_id)
                granted.append(self._grant(name, client_id, now_us, holder))
            elif holder.client_id != client_id and client_id not in self.waiting.setdefault(name, []):
                self.waiting[name].append(client_id)
        return granted

    def resume(self, client_id: str, tokens: dict[str, int], now: float, *, gives_way: bool = False) -> list[str]:
        """Take in what a client held, or waited for (0), when it was last connected; return what it has lost since.

        It waits for that, and for what it waited for: a holder that is not back yet has a moment to come.
        """
        self._note(client_id, now)
        if gives_way:
            self.yields.add(client_id)
        lost: list[str] = []
        for name, token in tokens.items():
            self.newest = max(self.newest, token)
            if token and name not in self.held:
                self.held[name] = Lease(client_id, token)
            holder = self.held.get(name)
            if holder is None or holder.client_id != client_id:
                waiters = self.waiting.setdefault(name, [])
                waiters += [] if client_id in waiters else [client_id]
                lost += [name] if token else []
        return lost

    def let_go(self, client_id: str, now_us: int, names: Iterable[str] | None = None) -> list[Granted]:
        """Take leases, and places in line, from a client (all of its own when none are named); return who has them."""
        for waiters in self.waiting.values() if names is None else [self.waiting.get(name, []) for name in names]:
            if client_id in waiters:
                waiters.remove(client_id)
        wanted = list(self.held) if names is None else list(names)
        mine = [name for name in wanted if name in self.held and self.held[name].client_id == client_id]
        if names is None:
            self.heard.pop(client_id, None)
            self.yields.discard(client_id)
        return self._pass_on(mine, now_us)

    def hear(self, client_id: str, now: float, now_us: int) -> list[Granted]:
        """Note that a client lives; return the leases that went on because their holders are silent, or not back."""
        self._note(client_id, now)
        silent = [each for each, heard in self.heard.items() if now - heard > SILENCE_S]
        granted: list[Granted] = []
        for each in silent:
            mine = [name for name, lease in self.held.items() if lease.client_id == each and self._waits(name)]
            granted += self._pass_on(mine, now_us, and_wait=each)
        if self.since is not None and now - self.since > SILENCE_S:
            orphans = [name for name, line in self.waiting.items() if client_id in line and name not in self.held]
            granted += self._pass_on(orphans, now_us)
        return granted

    def of(self, client_id: str) -> tuple[int, int]:
        """Return how many leases a client has and the sum of their tokens, to compare with what it knows."""
        tokens = [lease.token for lease in self.held.values() if lease.client_id == client_id]
        return len(tokens), sum(tokens)

    def is_held(self, name: str, client_id: str, token: int) -> bool:
        """Whether this client has this lease, by this token."""
        return self.held.get(name) == Lease(client_id, token)

    def _note(self, client_id: str, now: float) -> None:
        self.heard[client_id] = now
        if self.since is None:
            self.since = now

    def _waits(self, name: str) -> bool:
        return any(self._is_there(each) for each in self.waiting.get(name, ()))

    def _is_there(self, client_id: str) -> bool:
        newest = max(self.heard.values(), default=0.0)
        return client_id in self.heard and newest - self.heard[client_id] <= SILENCE_S

    def _pass_on(self, names: Iterable[str], now_us: int, and_wait: str | None = None) -> list[Granted]:
        granted: list[Granted] = []
        for name in names:
            before = self.held.pop(name, None)
            waiters = self.waiting.get(name, [])
            following = next((each for each in waiters if self._is_there(each) and each not in self.yields), None)
            following = following or next((each for each in waiters if self._is_there(each)), None)
            if following is not None:
                granted.append(self._grant(name, following, now_us, before))
            if and_wait is not None:
                self.waiting.setdefault(name, []).append(and_wait)
        return granted

    def _grant(self, name: str, client_id: str, now_us: int, before: Lease | None) -> Granted:
        self.newest = max(self.newest + 1, now_us)
        lease = self.held[name] = Lease(client_id, self.newest)
        if client_id in self.waiting.get(name, ()):
            self.waiting[name].remove(client_id)
        return Granted(name, lease, None if before is None else before.client_id)
