"""Pieces of text become lines: newlines, progress bars, limits."""

from __future__ import annotations

import io

import pytest

from jobkernel.executors.line_assembly import LINE_LIMIT, LineAssembler


def lines_of(*pieces: str) -> tuple[list[str], list[str]]:
    assembler = LineAssembler()
    finished = [line for piece in pieces for line in assembler.feed(piece)]
    return finished, assembler.unfinished()


@pytest.mark.parametrize(
    ("pieces", "finished", "unfinished"),
    [
        (["a", "b", "\n"], ["ab"], []),
        (["a\nb\n\nc"], ["a", "b", ""], ["c"]),
        (["10%\r20%\r", "30%\n"], ["30%"], []),
        (["\r10%", "\r20%", "\n"], ["20%"], []),
        (["\r10%", "\r20%"], [], ["20%"]),
        (["windows\r\n", "lines\r\n"], ["windows", "lines"], []),
        (["windows\r", "\n"], ["windows"], []),
        (["\rbar", "\r   \r", "after\n"], ["after"], []),
        (["\r99% done", "\r   \r"], [], []),
    ],
)
def test_a_line_is_the_last_state_of_its_row(pieces: list[str], finished: list[str], unfinished: list[str]) -> None:
    assert lines_of(*pieces) == (finished, unfinished)


def test_a_bar_below_a_bar_leaves_one_line_each() -> None:
    tqdm = pytest.importorskip("tqdm")
    screen = io.StringIO()
    pieces: list[str] = []
    screen.write = pieces.append  # type: ignore[assignment]

    for _ in tqdm.tqdm(range(5), desc="outer", file=screen, mininterval=0):
        for _ in tqdm.tqdm(range(20), desc="inner", file=screen, mininterval=0, leave=False):
            pass

    finished, unfinished = lines_of(*pieces)
    shown = [line for line in finished + unfinished if line.strip()]
    assert len(shown) <= 3
    assert "5/5" in shown[-1]


def test_a_line_without_end_is_given_in_pieces() -> None:
    finished, unfinished = lines_of("x" * (2 * LINE_LIMIT + 7))

    assert [len(line) for line in finished] == [LINE_LIMIT, LINE_LIMIT]
    assert unfinished == ["x" * 7]


def test_endless_pieces_without_newline_stay_bounded() -> None:
    assembler = LineAssembler()

    total = sum(len(line) for _ in range(500) for line in assembler.feed("y" * 1000))

    assert total + len(assembler.unfinished()[0]) == 500_000
    assert len(assembler.unfinished()[0]) <= LINE_LIMIT
