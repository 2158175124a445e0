"""A position named a file by its number in a list that shrank once files had been read: rows were lost."""

import audio_flan


def rows_of(stream):
    return [row["uuid"] for row in stream]


def test_a_state_is_good_after_the_catalogue_has_learnt_what_files_hold(demo_root):
    columns = ["uuid"]
    whole = rows_of(audio_flan.stream(demo_root, "speech_asr", "all", columns=columns))
    first = audio_flan.stream(demo_root, "speech_asr", "all", columns=columns)
    rows = iter(first)
    seen = [next(rows)["uuid"] for _ in range(len(whole) // 2)]
    state = first.state_dict()
    rows_of(audio_flan.stream(demo_root, "all", "all", columns=columns))  # now every file is known
    second = audio_flan.stream(demo_root, "speech_asr", "all", columns=columns)
    second.load_state_dict(state)
    assert seen + rows_of(second) == whole


def test_the_shards_of_a_config_do_not_depend_on_what_has_been_read(small_tree, tmp_path):
    before = audio_flan.stream(small_tree.root, "speech_asr", "all", cache_dir=tmp_path / "cache").files
    rows_of(audio_flan.stream(small_tree.root, "all", "all", cache_dir=tmp_path / "cache"))
    assert (
        audio_flan.stream(small_tree.root, "speech_asr", "all", cache_dir=tmp_path / "cache").files == before
    )
