"""How many pieces are fetched ahead on lines of all kinds: as many as keep the consumer busy."""

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.streaming.pieces_ahead import PiecesAhead

PIECE = 8_000_000
MOST = 6


def run(window, pieces, *, latency_s, line, each, consumer, pause_at=None):
    """Let a consumer take pieces that come over a line; return the seconds and the width at each turn.

    All that are on their way share what the line has a second, up to what each connection has.
    """
    now_s, wanted, widths = 0.0, 0, []
    coming = deque()  # [begins at, bytes left]

    def wait(until_s=None):
        """Let time pass until a moment, or until the first piece has come."""
        nonlocal now_s
        while coming[0][1] > 0 if until_s is None else now_s < until_s:
            active = [piece for piece in coming if piece[0] <= now_s and piece[1] > 0]
            rate = min(each, line / len(active)) if active else 0.0
            events = [piece[0] - now_s for piece in coming if piece[0] > now_s]
            events += [piece[1] / rate for piece in active]
            events += [] if until_s is None else [until_s - now_s]
            step = min(events)
            for piece in active:
                left = piece[1] - step * rate
                piece[1] = left if left > 1e-3 else 0.0
            now_s = now_s + step if until_s is None else min(now_s + step, until_s)

    for number in range(pieces):
        while wanted < min(pieces, number + window.pieces):
            coming.append([now_s + latency_s, float(PIECE)])
            wanted += 1
        window.turn(now_s, PIECE, is_late=coming[0][1] > 0)
        widths.append(window.pieces)
        wait()
        coming.popleft()
        works_s = PIECE / consumer + (number == pause_at)
        if coming:
            wait(now_s + works_s)
        else:
            now_s += works_s
    return now_s, widths


def test_a_fast_line_needs_few():
    _, widths = run(PiecesAhead(MOST), 60, latency_s=0.02, line=1e9, each=1e9, consumer=58e6)
    assert set(widths[2:]) == {widths[2]} <= {2, 3}


def test_of_a_line_with_a_limit_not_more_than_keep_it_busy():
    seconds, widths = run(PiecesAhead(MOST), 60, latency_s=0.02, line=50e6, each=1e9, consumer=58e6)
    assert widths[-1] == 3
    assert 0.95 * seconds < 60 * PIECE / 50e6 <= seconds


def test_connections_with_limits_of_their_own_are_used_all():
    seconds, widths = run(PiecesAhead(MOST), 60, latency_s=0.1, line=1e9, each=50e6, consumer=1e9)
    assert max(widths) == MOST
    alone = run(PiecesAhead(2), 60, latency_s=0.1, line=1e9, each=50e6, consumer=1e9)[0]
    assert seconds < 0.5 * alone


@pytest.mark.parametrize("pause_at", [16, 20, 30])
def test_a_pause_is_not_the_lines_fault_for_long(pause_at):
    line = {"latency_s": 0.1, "line": 1e9, "each": 50e6, "consumer": 1e9}
    undisturbed, _ = run(PiecesAhead(MOST), 400, **line)
    seconds, widths = run(PiecesAhead(MOST), 400, **line, pause_at=pause_at)
    assert sum(widths[-100:]) / 100 > MOST - 1
    assert seconds - 1 < 1.3 * undisturbed


@pytest.mark.parametrize(("noise", "pause_every"), [(0.1, 0), (0.3, 0), (0.05, 60), (0.05, 250)])
def test_on_a_line_with_a_limit_chance_does_not_widen_for_good(noise, pause_every):
    """All pieces are late, and come as fast with any width."""
    sums = []
    for seed in range(20):
        rng, window, now_s, total = random.Random(seed), PiecesAhead(MOST), 0.0, 0
        for turn in range(2000):
            now_s += 0.16 * (1 + noise * rng.uniform(-1, 1))
            now_s += 3.2 if pause_every and rng.random() < 1 / pause_every else 0
            window.turn(now_s, PIECE, is_late=True)
            total += window.pieces if turn >= 1000 else 0
        sums.append(total / 1000)
    assert sum(sums) / len(sums) < 4.2


@given(
    st.floats(0.001, 0.3), st.floats(1e7, 1e9), st.floats(1e7, 1e9), st.floats(1e7, 2e9), st.integers(1, 6)
)
def test_on_any_line_there_are_no_more_than_may_be(latency_s, line, each, consumer, most):
    _, widths = run(PiecesAhead(most), 40, latency_s=latency_s, line=line, each=each, consumer=consumer)
    assert all(1 <= width <= most for width in widths)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, PIECE), st.booleans()), max_size=80))
def test_any_turns_are_taken(turns):
    window, now_s = PiecesAhead(MOST), 0.0
    for seconds, nbytes, is_late in turns:
        now_s += seconds
        window.turn(now_s, nbytes, is_late=is_late)
        assert 2 <= window.pieces <= MOST
