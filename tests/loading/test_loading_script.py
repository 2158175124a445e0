"""`load_dataset` under datasets 3.6 and 4.8, in environments of their own; `loading_script.py` under 3.6."""

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
import audio_flan
expected = {split: [row["uuid"] for row in audio_flan.stream(root, "speech_asr", split)]
            for split in ("train", "validation", "test")}
for streaming in (True, False):
    loaded = [audio_flan.load_dataset(root, "speech_asr", streaming=streaming)]
    if script:
        loaded.append(datasets.load_dataset(
            script, "speech_asr", root=root, trust_remote_code=True, streaming=streaming
        ))
    for splits in loaded:
        found = {split: [row["uuid"] for row in rows] for split, rows in splits.items()}
        assert found == expected, (streaming, found)
        audio = next(iter(splits["train"]))["input_audio"][0]
        assert audio["array"].ndim == 1 and len(audio["array"]) == audio.frames, audio
        assert type(audio).__name__ == "LazyAudio"
configs = audio_flan.AudioFlan.BUILDER_CONFIGS
print(len(configs), "configs of", datasets.__version__)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("version", "script"), [("3.6.0", ROOT / "loading_script.py"), ("4.8.5", "")])
def test_older_datasets_run_the_package_and_scripts_while_there_are_any(
    request, version, script, demo_root, tmp_path
):
    python = request.getfixturevalue(f"datasets_{version[:3].replace('.', '_')}")
    done = subprocess.run(
        [python, "-c", CHECK, str(demo_root), str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["112", "configs", "of", version]


def test_newer_datasets_can_import_it():
    sys.path.insert(0, str(ROOT))
    try:
        import loading_script
    finally:
        sys.path.remove(str(ROOT))
    import audio_flan

    assert issubclass(loading_script.AudioFlanScript, audio_flan.AudioFlan)
