"""Hypothesis strategies for leaves, and leaves with the shape of Audio-FLAN."""

from hypothesis import strategies as st

from audio_flan.mixing import Leaf

TASKS = (
    ("speech", "speech_asr"),
    ("speech", "speech_tts"),
    ("music", "music_caption"),
    ("music", "music_key_detection"),
    ("audio", "audio_caption"),
)
CORPORA = ("01_One", "02_Two", "03_Three")

sizes = st.integers(1, 6) | st.integers(1, 400) | st.integers(1, 10**7)


@st.composite
def leaves(draw: st.DrawFn, rows: st.SearchStrategy[int] = sizes) -> list[Leaf]:
    """From one to a few tens of leaves, in any order; every one has input audio, some have output audio."""
    keys = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["understanding", "generation"]),
                st.sampled_from(TASKS),
                st.sampled_from(CORPORA),
            ),
            min_size=1,
            max_size=20,
            unique=True,
        )
    )
    found = []
    for direction, (domain, task), corpus in keys:
        n = draw(rows)
        in_us, out_us = draw(st.integers(1, 10**7)), draw(st.integers(0, 10**7))
        found.append(Leaf(direction, domain, task, corpus, n, n * in_us, n * out_us, n * 17))
    return found


@st.composite
def shares(draw: st.DrawFn, names: list[str]) -> dict[str, float]:
    """Shares of all names, in whole percent."""
    cuts = sorted(draw(st.lists(st.integers(1, 99), min_size=len(names) - 1, max_size=len(names) - 1)))
    edges = [0, *cuts, 100]
    return {name: (b - a) / 100 for name, a, b in zip(names, edges, edges[1:], strict=False)}


def tasks_of_size(*rows: int) -> list[Leaf]:
    """One leaf for each size, each a task of its own."""
    return [Leaf("understanding", d, t, "01_One", n) for n, (d, t) in zip(rows, _names(), strict=False)]


def _names() -> list[tuple[str, str]]:
    return [*TASKS, ("speech", "speech_s2tt"), ("speech", "speech_speaker_id")]
