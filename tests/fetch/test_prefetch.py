"""Clips that come next are fetched with few requests, once, and as they are."""

from hypothesis import given
from hypothesis import strategies as st

import audio_flan
from audio_flan.fetch.read_ahead import read_ahead
from audio_flan.fetch.remote import RemoteFile
from audio_flan.fetch.runs import MAX_GAP_BYTES, MAX_RUN_BYTES, Run, runs_of

FILES = [RemoteFile("https://a.example", name) for name in ("x.tar", "y.tar")]
clips = st.builds(
    lambda file, start, nbytes: Run(file, start, start + nbytes),
    st.sampled_from(FILES),
    st.integers(0, 4 * MAX_RUN_BYTES),
    st.integers(1, MAX_RUN_BYTES),
)


@given(st.lists(clips, max_size=30))
def test_runs_hold_each_clip_and_little_else(wanted):
    runs = list(runs_of(wanted))
    for clip in wanted:
        assert any(
            run.file == clip.file and run.start <= clip.start and clip.stop <= run.stop for run in runs
        )
    for run in runs:
        inside = [clip for clip in wanted if clip.file == run.file and run.start <= clip.start < run.stop]
        assert run.stop - run.start <= MAX_RUN_BYTES
        end = run.start
        for clip in sorted(inside, key=lambda clip: clip.start):
            assert clip.start - end <= MAX_GAP_BYTES
            end = max(end, clip.stop)
        assert end >= run.stop


def test_neighbours_are_one_run():
    x, y = FILES
    tar = [Run(x, start, start + 900_000) for start in range(0, 27_000_000, 900_512)]
    runs = list(runs_of([*reversed(tar), *tar, Run(y, 0, 5)]))
    assert len(runs) == -(-len(tar) * 900_512 // MAX_RUN_BYTES) + 1
    assert sum(run.stop - run.start for run in runs) <= 1.001 * 900_512 * len(tar)


def names(rows):
    return [(row["uuid"], [clip.encoded() for clip in row["input_audio"]]) for row in rows]


def test_a_stream_of_a_remote_root_fetches_few_runs(indexed_root):
    from hub.server import Hub

    read_ahead.cache_clear()
    with Hub(redirects=True) as hub:
        hub.add("a/b", indexed_root)
        root = f"{hub.endpoint}/datasets/a/b/resolve/main"
        for shuffle in (False, True):
            local = names(audio_flan.stream(indexed_root, "music", shuffle=shuffle))
            for is_held in (False, True):
                hub.forget()
                assert names(audio_flan.stream(root, "music", shuffle=shuffle)) == local
                tars = [each for each in hub.log if each.kind == "cdn GET" and ".tar" in each.path]
                if is_held:  # all of it is in memory still
                    assert not tars
                else:
                    assert 0 < len(tars) <= 4 * len(list(indexed_root.glob("audio/*")))
            read_ahead.cache_clear()
