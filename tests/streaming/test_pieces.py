"""Pieces of rows whose clips are fetched together: small at the beginning and at the end, and few in all."""

from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audio_flan.streaming.pieces import FIRST_BYTES, LAST_BYTES, MAX_ROWS, PieceSizes, cut

MEGABYTE = 1 << 20
LARGEST = 15 << 19
OTHER_REQUESTS = 4
"""Of a stream, which are no pieces: manifest, facts and rows, the clip of the first row."""


def pieces_of(rows, count=None, largest=LARGEST):
    """Cut rows; each is a list of clips, their names and sizes."""

    def clips_of(row, known):
        return {
            name: SimpleNamespace(place=SimpleNamespace(nbytes=n)) for name, n in row if name not in known
        }

    stored = [SimpleNamespace(row=row) for row in rows]
    pieces = list(cut(stored, clips_of, PieceSizes(largest, count)))
    assert [each.row for piece in pieces for each in piece.rows] == list(rows)
    return pieces


def rows_of(sizes, rows_per_clip=1):
    """Rows that follow each other share a clip."""
    return [[(f"{i}", size)] for i, size in enumerate(sizes) for _ in range(rows_per_clip)]


def test_they_grow_and_become_smaller_towards_the_end():
    pieces = pieces_of(rows_of([MEGABYTE // 10] * 1000, 4), 4000)
    sizes = [piece.nbytes for piece in pieces]
    first, last = sizes.index(max(sizes)), len(sizes) - 1 - sizes[::-1].index(max(sizes))
    assert [round(piece.limit / MEGABYTE, 1) for piece in pieces[:4]] == [1, 2, 4, 7.5]
    assert sizes[: first + 1] == sorted(sizes[: first + 1])
    assert sizes[last:] == sorted(sizes[last:], reverse=True)
    assert max(sizes[-3:]) <= LAST_BYTES


def test_without_a_count_they_stay_large():
    pieces = pieces_of(rows_of([MEGABYTE // 10] * 1000))
    assert min(piece.nbytes for piece in pieces[3:-1]) > LARGEST - MEGABYTE // 10


def test_room_grows_with_them():
    sizes = PieceSizes(LARGEST, 10_000)
    found = []
    for _ in range(5):
        found.append(sizes.room)
        sizes.note(10, sizes.next_bytes)
    assert found == [4 * FIRST_BYTES, 8 * FIRST_BYTES, 16 * FIRST_BYTES, 4 * LARGEST, 4 * LARGEST]


def test_rows_of_a_clip_that_follow_each_other_stay_together():
    pieces = pieces_of(rows_of([20 * MEGABYTE, 10, 20 * MEGABYTE], 5))
    assert [len(piece.rows) for piece in pieces] == [5, 5, 5]
    assert [[*piece.clips] for piece in pieces] == [["0"], ["1"], ["2"]]


def test_a_clip_that_is_used_again_in_the_next_piece_is_in_both():
    rows = [[("a", MEGABYTE // 2), ("b", MEGABYTE // 2)], [("b", MEGABYTE // 2), ("c", 10)], [("c", 10)]]
    first, second = pieces_of(rows)
    assert [[*first.clips], [*second.clips]] == [["a", "b"], ["b", "c"]]
    assert second.nbytes == MEGABYTE // 2 + 10


@pytest.mark.parametrize("row", [[], [("a", 1000)]])
def test_rows_that_bring_no_bytes_do_not_pile_up(row):
    pieces = pieces_of([row] * (2 * MAX_ROWS + 1))
    assert [len(piece.rows) for piece in pieces] == [MAX_ROWS, MAX_ROWS, 1]


def test_no_row_is_no_piece():
    assert pieces_of([], 0) == []


@st.composite
def many_clips(draw):
    """Sizes of clips of up to a megabyte: alike, mixed, ascending, or small ones before large ones."""
    count, most = draw(st.integers(1, 1500)), draw(st.integers(1000, 1_000_000))
    rng = draw(st.randoms(use_true_random=False))
    kind = draw(st.sampled_from(["alike", "mixed", "ascending", "two"]))
    if kind == "alike":
        return [most] * count
    if kind == "ascending":
        return [max(1, most * i // count) for i in range(1, count + 1)]
    if kind == "two":
        return [most // 100 + 1] * count + [most] * (count // 2)
    return [rng.randint(most // 8, most) for _ in range(count)]


@given(many_clips(), st.integers(1, 4), st.integers(0, 40))
@example([525_000] * 100, 1, 0)
@example([172_000] * 400, 4, 0)
@example([285_000] * 400, 4, 0)
@example([14_000 * 71 * i // 600 + 14_000 for i in range(600)], 1, 0)
def test_whatever_the_clips_requests_are_few(clips, rows_per_clip, more):
    """Issue 5: at most 1.2 for each 8 MB and 20, for clips that lie one after the other."""
    pieces = pieces_of(rows_of(clips, rows_per_clip), len(clips) * rows_per_clip + more)
    assert len({name for piece in pieces for name in piece.clips}) == len(clips)
    assert all(piece.nbytes <= piece.limit <= LARGEST or len(piece.clips) == 1 for piece in pieces)
    assert len(pieces) + OTHER_REQUESTS <= 1.2 * sum(clips) / 8e6 + 20
