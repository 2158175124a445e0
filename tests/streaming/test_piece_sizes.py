"""Sizes of the pieces that are fetched together: small at the beginning and at the end, and few in all."""

from hypothesis import given
from hypothesis import strategies as st

from audio_flan.streaming.piece_sizes import SMALLEST_BYTES, PieceSizes

MEGABYTE = 1 << 20
LARGEST = 8 * MEGABYTE


def pieces_of(sizes, clips, rows_per_clip=1):
    """Cut clips into pieces as a stream does."""
    pieces, nbytes, rows = [], 0, 0
    for clip in clips:
        if nbytes and nbytes + clip > sizes.next_bytes:
            pieces.append(nbytes)
            sizes.cut(rows, nbytes)
            nbytes = rows = 0
        nbytes, rows = nbytes + clip, rows + rows_per_clip
    return [*pieces, nbytes]


def test_they_grow_and_become_smaller_towards_the_end():
    pieces = pieces_of(PieceSizes(LARGEST, 4000), [MEGABYTE // 10] * 1000, 4)
    largest = max(pieces)
    first, last = pieces.index(largest), len(pieces) - 1 - pieces[::-1].index(largest)
    assert [round(nbytes / MEGABYTE) for nbytes in pieces[:4]] == [1, 2, 4, 8]
    assert pieces[: first + 1] == sorted(pieces[: first + 1])
    assert pieces[last:] == sorted(pieces[last:], reverse=True)
    assert max(pieces[-3:]) <= SMALLEST_BYTES


def test_of_unknown_number_they_stay_large():
    pieces = pieces_of(PieceSizes(LARGEST), [MEGABYTE // 10] * 1000)
    assert min(pieces[3:-1]) > LARGEST - MEGABYTE // 10


def test_large_clips_after_small_ones_take_few_requests():
    clips = [1000] * 5000 + [400_000] * 1000
    assert len(pieces_of(PieceSizes(LARGEST, 6000), clips)) <= 1.2 * sum(clips) / 8e6 + 20


@given(
    st.lists(st.integers(1, 3 * MEGABYTE), min_size=1, max_size=600), st.integers(0, 50), st.integers(1, 4)
)
def test_whatever_the_clips_requests_are_few(clips, more, rows_per_clip):
    """Issue 5: at most 1.2 for each 8 MB and 20, for clips that lie one after the other."""
    sizes = PieceSizes(LARGEST, len(clips) * rows_per_clip + more)
    pieces = pieces_of(sizes, clips, rows_per_clip)
    assert sum(pieces) == sum(clips)
    assert all(nbytes <= LARGEST for nbytes in pieces)
    assert len(pieces) <= 1.2 * sum(clips) / 8e6 + 20
    assert SMALLEST_BYTES <= sizes.next_bytes <= LARGEST <= sizes.room or len(pieces) <= 4
