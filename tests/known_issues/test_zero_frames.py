"""A header without sound was a bad clip for `validate` and a good one for a stream."""

import pytest
from trees import encoded, tone

import audio_flan
from audio_flan.release import open_release
from audio_flan.release.validate import validate


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_a_clip_without_frames_is_empty_everywhere(small_tree, form):
    clip = small_tree.root / "audio_files/speech/01_Read/wav/01_Read_1.flac"
    clip.write_bytes(encoded(tone(0), form))
    entries = validate(open_release(small_tree.root)).entries
    assert {(str(e.reason), e.audio_id) for e in entries} == {
        ("empty_audio", "01_Read_1"),
        ("unusable_audio", "01_Read_1"),
    }
    stream = audio_flan.stream(small_tree.root, "speech_asr", "all", on_error="skip")
    assert [row["uuid"] for row in stream] == ["asr-0", "asr-2"]
    assert [(str(e.reason), e.audio_id, e.uuid) for e in stream.quarantine] == [
        ("empty_audio", "01_Read_1", "asr-1")
    ]
