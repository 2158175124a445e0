"""`loading_script.py` and `load_dataset` under datasets 3.6, in an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
import sys
import datasets
root, script = sys.argv[1:]
datasets.disable_progress_bars()
assert datasets.__version__ == "3.6.0"
import audio_flan
expected = {split: [row["uuid"] for row in audio_flan.stream(root, "speech_asr", split)]
            for split in ("train", "validation", "test")}
for streaming in (True, False):
    by_script = datasets.load_dataset(
        script, "speech_asr", root=root, trust_remote_code=True, streaming=streaming
    )
    by_package = audio_flan.load_dataset(root, "speech_asr", streaming=streaming)
    for splits in (by_script, by_package):
        found = {split: [row["uuid"] for row in rows] for split, rows in splits.items()}
        assert found == expected, (streaming, found)
        audio = next(iter(splits["train"]))["input_audio"][0]
        assert audio["array"].ndim == 1 and len(audio["array"]) == audio.frames, audio
        assert type(audio).__name__ == "LazyAudio"
configs = audio_flan.AudioFlan.BUILDER_CONFIGS
print(len(configs), "configs")
"""


@pytest.mark.slow
def test_datasets_3_6_runs_the_script_and_the_package(datasets_3_6, demo_root, tmp_path):
    done = subprocess.run(
        [datasets_3_6, "-c", CHECK, str(demo_root), str(ROOT / "loading_script.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["112", "configs"]


def test_newer_datasets_can_import_it():
    sys.path.insert(0, str(ROOT))
    try:
        import loading_script
    finally:
        sys.path.remove(str(ROOT))
    import audio_flan

    assert issubclass(loading_script.AudioFlanScript, audio_flan.AudioFlan)
