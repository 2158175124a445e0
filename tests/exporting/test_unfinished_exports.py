"""What an unfinished or a failed export leaves: nothing that passes for whole, and nothing in the way."""

import json
import os

import numpy as np
import pytest
from exported import json_lines

import audio_flan
from audio_flan.building import BuildError
from audio_flan.building.workspace import EXPORT_FOLDER
from audio_flan.exporting import EmptySelectionError, ExportError, export, plan_export
from audio_flan.exporting.clip_files import store_clip
from audio_flan.exporting.draw import count_distinct
from audio_flan.exporting.finish import EXPORT_NAME
from audio_flan.release import ReleaseError
from audio_flan.streaming.roots import open_root
from audio_flan.waveform import FileSource, LazyAudio

ASR = {"config": "speech_asr", "split": "train"}


def stop_at(step):
    def stop(what, done, total):
        if what == step:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("resume", [True, False])
def test_no_build_goes_into_an_unfinished_export(demo_root, out, resume):
    with pytest.raises(KeyboardInterrupt):
        export(demo_root, out, **ASR, progress=stop_at("placing clips"))
    with pytest.raises(BuildError, match="unfinished export"):
        audio_flan.build(demo_root, out, resume=resume)
    assert os.listdir(out) == [EXPORT_FOLDER]
    assert export(demo_root, out, **ASR).rows == plan_export(demo_root, **ASR).rows


def test_a_release_is_no_release_until_it_is_whole(demo_root, out):
    seen = set()

    def look(what, done, total):
        seen.add(what)
        assert not (out / "metadata").exists()
        if what == "placing clips" and done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(demo_root, out, to="release", **ASR, progress=look)
    assert {"reading rows", "writing metadata", "placing clips"} <= seen
    assert any(out.glob("audio_files/*/*/*"))
    with pytest.raises(ReleaseError):
        open_root(out)
    summary = export(demo_root, out, to="release", **ASR)
    assert open_root(out).check().rows == summary.rows


@pytest.mark.parametrize("to", ["embedded", "release", "webdataset"])
def test_an_export_that_can_take_no_row_leaves_its_folder_free(demo_copy, out, to):
    for clip in demo_copy.glob("audio_files/speech/*/*"):
        clip.unlink()
    out.mkdir()
    with pytest.raises(EmptySelectionError, match=r"none of the .* rows could be taken: .* missing_audio"):
        export(demo_copy, out, **ASR, to=to)
    assert not any(out.iterdir())
    assert export(demo_copy, out, config="music_key_detection", to="jsonl").rows


def test_a_chat_without_text_answers_is_no_chat(demo_root, out):
    chosen = {"config": "speech_tts", "to": "chat", "style": "ms-swift"}
    for call in (plan_export, export):
        with pytest.raises(EmptySelectionError, match=r"none of the .* could be taken: .* audio_in_output"):
            call(demo_root, out, **chosen)
        assert not out.exists()


def test_a_dry_run_of_a_chat_counts_what_would_be_written(demo_root, out):
    planned = plan_export(demo_root, to="chat", style="ms-swift")
    made = export(demo_root, out, to="chat", style="ms-swift")
    assert (planned.rows_selected, planned.rows) == (made.rows_selected, made.rows)
    assert planned.quarantined == made.quarantined
    assert planned.clips == made.clips
    found = json.loads((out / EXPORT_NAME).read_text())["leaves"]
    assert found == list(planned.as_json()["leaves"])


def test_a_dry_run_looks_at_jobs(demo_root):
    with pytest.raises(ValueError, match="jobs must be 1 or more"):
        plan_export(demo_root, jobs=0)


def test_a_link_to_nothing_is_refused(demo_root, out):
    out.symlink_to(out.parent / "nowhere")
    with pytest.raises(ExportError, match="link to nothing"):
        export(demo_root, out)


def test_records_that_cannot_be_read_are_counted(demo_copy, out):
    path = min(demo_copy.glob("metadata/speech/understanding/*/*/jsonl/*.jsonl"))
    path.write_bytes(path.read_bytes() + b"{no record\n")
    assert export(demo_copy, out, config="speech", to="jsonl").unread == 1


def test_clips_beside_a_chat_are_nobody_elses(demo_root, out):
    export(demo_root, out, **ASR, to="chat", style="ms-swift")
    clips = list(out.glob("audio/*/*"))
    assert clips
    assert all(path.stat().st_nlink == 1 for path in clips)


@pytest.mark.parametrize("link", [True, False])
def test_a_clip_that_was_cut_short_is_stored_again(demo_root, tmp_path, link):
    source = min(demo_root.glob("audio_files/speech/*/*.flac"))
    audio = LazyAudio(FileSource(str(source)), "a")
    stored = tmp_path / store_clip(audio, tmp_path, link=link).file
    stored.unlink()
    stored.write_bytes(source.read_bytes()[:100])
    store_clip(audio, tmp_path, link=link)
    assert stored.read_bytes() == source.read_bytes()


def test_rows_that_were_not_written_are_not_counted_as_written(demo_copy, out):
    plan = audio_flan.rebalance(demo_copy, direction={"understanding": 0.5, "generation": 0.5}, max_epochs=2)
    for clip in demo_copy.glob("audio_files/music/*/*"):
        clip.unlink()
    summary = export(demo_copy, out, plan=plan, to="jsonl")
    assert summary.quarantined == {}  # text needs no clips
    chat = export(demo_copy, out.with_name("chat"), plan=plan, to="chat", style="llama-factory")
    assert set(chat.quarantined) == {"audio_in_output", "missing_audio"}
    said = json.loads((out.with_name("chat") / EXPORT_NAME).read_text())
    assert sum(leaf["rows"] for leaf in said["leaves"]) == chat.rows
    assert len(json_lines(*out.with_name("chat").glob("t*.jsonl"))) == chat.rows
    card = (out.with_name("chat") / "README.md").read_text()
    tasks, corpora = ({leaf[level] for leaf in said["leaves"]} for level in ("task", "corpus"))
    assert f"{chat.rows:,} rows of {len(tasks)} tasks from {len(corpora)} corpora" in card
    assert "| written |" in card.replace("---:", "")


def test_clips_are_counted_once_however_they_come():
    generator = np.random.default_rng(0)
    arrays = [generator.integers(0, 500, size, dtype=np.uint64) for size in generator.integers(0, 40, 60)]
    assert count_distinct(iter(arrays)) == len(set(np.concatenate(arrays).tolist()))
    assert count_distinct([]) == 0
