"""The command line as a shell sees it: output, exit codes, one clear message."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from trees import line, metadata_path, tone, write

import audio_flan
from audio_flan.taxonomy import taxonomy

COMMAND = [sys.executable, "-m", "audio_flan.cli"]


def run(*args, code=0, env=None, **options):
    found = subprocess.run(
        [*COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "COLUMNS"} | (env or {}),
        **options,
    )
    assert found.returncode == code, found.stderr or found.stdout
    assert "Traceback" not in found.stderr
    return found


def shell(command: str):
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)


def test_the_console_script_is_the_same_program():
    script = Path(sys.executable).with_name("audio-flan")
    found = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert found.stdout == run("--version").stdout
    assert found.stdout.startswith("audio-flan 0.")


@pytest.mark.parametrize(
    "args",
    [
        (), ("demo",), ("tasks",), ("info",), ("stats",), ("peek",), ("validate",), ("build",), ("card",),
        ("rebase",), ("publish",), ("doctor",),
    ],
)  # fmt: skip
def test_every_command_has_help_with_an_example(args):
    text = run(*args, "--help").stdout
    assert "Usage: audio-flan" in text
    assert "audio-flan demo" in text if not args else f"Example: audio-flan {args[0]}" in text


def test_tasks_lists_all_80_with_whole_names():
    text = run("tasks").stdout
    assert text.startswith("80 tasks")
    for name, task in taxonomy().tasks.items():
        assert name in text
        assert task.minor in text


@pytest.mark.parametrize(("domain", "n"), [("speech", 34), ("Music", 28), ("audio", 18), ("sound", 18)])
def test_tasks_of_a_domain(domain, n):
    rows = json.loads(run("tasks", "--domain", domain, "--json").stdout)
    assert len(rows) == n
    assert set(rows[0]) >= {"config", "minor", "major_config", "direction"}
    assert run("tasks", "--domain", domain).stdout.startswith(f"{n} tasks of ")


def test_what_the_demo_corpus_has_as_json(demo_root):
    found = json.loads(run("demo", demo_root, "--json").stdout)
    assert found["directory"] == str(demo_root)
    assert len(found["rows_by_task"]) == 80
    assert sum(found["rows_by_task"].values()) == found["rows"]
    splits = found["rows_by_task_and_split"]
    assert {task: sum(of.values()) for task, of in splits.items()} == found["rows_by_task"]
    assert 0 < found["clips"] < found["bytes"]
    assert found["seconds"] > 0


def test_info(small_tree):
    text = run("info", small_tree.root).stdout
    assert "10 rows in 4 metadata files" in text
    assert "11 clips" in text
    for word in ("speech_asr", "01_Read", "understanding", "validation", "Next: audio-flan peek"):
        assert word in text
    found = json.loads(run("info", small_tree.root, "--json").stdout)
    assert found["rows"] == 10
    assert found["split"] == {"test": 2, "train": 7, "validation": 1}
    assert found["corpus"] == {"02_Synth": 3, "01_Read": 3, "30_Keys": 2, "50_Rain": 2}
    assert found["domain"] == {"audio": 2, "music": 2, "speech": 6}


def test_info_names_what_is_quarantined(small_tree):
    write(small_tree.root, metadata_path("speech", "understanding", "test", "x", "bad.jsonl"), b"{")
    text = run("info", small_tree.root).stdout
    assert "1 quarantined: 1 invalid_json" in text
    assert "Next: audio-flan validate" in text


def test_peek_shows_rows_as_a_person_reads_them(small_tree):
    text = run("peek", small_tree.root, "speech_zero_shot_tts", "-n", "2").stdout
    assert text.count("speech_zero_shot_tts  train  02_Synth  tts-") == 2
    assert "01_Read_0: 0.05 s, 8,000 Hz, mono, FLAC, from " in text
    assert "02_Synth_1: 0.11 s, 8,000 Hz, mono, WAV, from " in text


def test_peek_as_json(small_tree):
    rows = json.loads(run("peek", small_tree.root, "music", "--split", "test", "--json").stdout)
    assert [row["uuid"] for row in rows] == ["key-0", "key-1"]
    assert rows[1]["input_audio"][0] | {"location": ""} == {
        "id": "30 Keys ü", "location": "", "format": "FLAC", "sampling_rate": 8000, "channels": 2,
        "seconds": 0.15,
    }  # fmt: skip
    assert rows[1]["other"] == '{"n":1.0}'


def test_peek_saves_each_clip_once_under_a_safe_name(small_tree, tmp_path):
    hostile = ["../up", "_._up", "x" * 400, "ü" * 300, "-", "a b"]
    scp = "".join(f"{audio_id}\taudio_files/speech/01_Read/wav/01_Read_0.flac\n" for audio_id in hostile)
    write(small_tree.root, "scp_files/speech/hostile.scp", scp.encode())
    text = "".join(f"<|SOA|>{audio_id}<|EOA|>" for audio_id in [*hostile, "a b"])
    path = metadata_path("speech", "understanding", "test", "hostile", "a.jsonl")
    write(small_tree.root, path, line("h", split="test", input=text))
    folder = tmp_path / "deep/saved"
    found = run("peek", small_tree.root, "speech_asr", "--split", "test", "--save-audio", folder)
    assert f"{len(hostile)} clips saved in {folder}" in found.stdout
    saved = list(folder.iterdir())
    assert len(saved) == len(hostile)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["saved"]
    for path in saved:
        samples, rate = soundfile.read(path)
        assert (len(samples), rate) == (400, 8000)
        assert samples == pytest.approx(tone(400, 220)[:, 0], abs=1e-4)


def test_peek_escapes_what_would_command_a_terminal(small_tree):
    path = metadata_path("speech", "understanding", "test", "x", "a.jsonl")
    write(
        small_tree.root,
        path,
        line("\x1b]0;title\x07", split="test", output="red \x1b[31m \u202egnitirw\nnext"),
    )
    text = run("peek", small_tree.root, "speech_asr", "--split", "test").stdout
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"red \x1b[31m \u202egnitirw" in text


def test_validate_of_a_clean_tree(small_tree):
    assert run("validate", small_tree.root).stdout.splitlines() == [
        "10 good rows, 11 good clips (opened)", "nothing is wrong",
    ]  # fmt: skip
    assert json.loads(run("validate", small_tree.root, "--json", "--decode").stdout) == {
        "form": "release", "rows": 10, "clips": 11, "quarantined": 0, "by_reason": {}, "entries": [],
        "warnings": [],
    }  # fmt: skip


def test_validate_prints_warnings_but_they_are_no_problem(small_tree):
    write(
        small_tree.root,
        metadata_path("speech", "understanding", "test", "x", "a.jsonl"),
        line("u", split="test", input="-"),
    )
    text = run("validate", small_tree.root).stdout
    assert "no_audio" in text
    assert "nothing is wrong" in text


def test_validate_names_a_file_whose_name_is_not_utf8(small_tree):
    folder = os.fsencode(small_tree.root / "scp_files/speech")
    with open(folder + b"/caf\xe9.scp", "wb"):
        pass
    found = json.loads(run("validate", small_tree.root, "--json", code=1).stdout)
    assert found["by_reason"] == {"misplaced_file": 1}
    assert r"caf\xe9.scp" in run("validate", small_tree.root, code=1).stdout


def test_a_root_whose_name_is_not_utf8(small_tree):
    root = os.fsencode(small_tree.root.parent) + b"/caf\xe9"
    small_tree.root.rename(os.fsdecode(root))
    for args in (["validate"], ["peek", "--json"], ["info", "--json"]):
        found = subprocess.run([*COMMAND, args[0], root, *args[1:]], capture_output=True, check=False)
        assert (found.returncode, found.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_json_is_json_in_every_encoding(small_tree, encoding):
    ascii_only = {"PYTHONIOENCODING": encoding}
    run(
        "peek",
        small_tree.root,
        "music",
        "--split",
        "test",
        env=ascii_only,
        encoding=encoding,
        errors="replace",
    )
    rows = json.loads(
        run("peek", small_tree.root, "music", "--split", "test", "--json", env=ascii_only).stdout
    )
    assert rows[1]["input_audio_ids"] == ["30 Keys ü"]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["peek", "ROOT", "speech_arr"], 2, ["speech_arr", "speech_asr"]),
        (["peek", "ROOT", "speech_understanding"], 2, ["understanding_speech", "direction first"]),
        (["peek", "ROOT", "all", "--split", "trian"], 2, ["trian", "train"]),
        (["peek", "ROOT", "speech_caption"], 1, ["no rows of speech_caption", "train", "audio-flan info"]),
        (["peek", "ROOT", "-n", "0"], 2, ["-n"]),
        (["peek", "ROOT", "-n", "many"], 2, ["-n"]),
        (["peek", "ROOT", "--save-audio", "/dev/null"], 2, ["/dev/null"]),
        (["tasks", "--domain", "musik"], 2, ["musik", "music"]),
        (["taks"], 2, ["taks", "tasks"]),
        (["info"], 2, ["root"]),
        (["info", "ROOT", "--jsn"], 2, ["--jsn", "--json"]),
        (["info", "/nowhere/at/all"], 2, ["there is no folder '/nowhere/at/all'"]),
        (["info", "/etc/hostname"], 2, ["is a file"]),
        (["validate", "/etc"], 2, ["no Audio-FLAN release", "metadata/<domain>"]),
        (["validate", "ROOT", "--workers", "0"], 2, ["--workers"]),
        (["info", "nosuch://root"], 2, ["nosuch"]),
    ],
)
def test_wrong_usage_is_one_clear_message(small_tree, args, code, words):
    found = run(*(small_tree.root if arg == "ROOT" else arg for arg in args), code=code)
    assert found.stdout == ""
    for word in words:
        assert word.lower() in found.stderr.lower()
    assert len(found.stderr.strip().splitlines()) <= 4


def test_a_bad_clip_is_named_by_peek_among_the_good_ones(small_tree, tmp_path):
    good = run("peek", small_tree.root, "speech_asr", "-n", "9").stdout
    root = small_tree.root
    (root / "audio_files/speech/01_Read/wav/01_Read_0.flac").write_bytes(b"")
    for more in ((), ("--save-audio", tmp_path / "clips")):
        found = run("peek", root, "speech_asr", "-n", "9", *more, code=1)
        bad = [row for row in found.stdout.splitlines() if "cannot be read" in row]
        assert len(bad) == 1
        assert "input audio 01_Read_0: cannot be read: metadata/speech/" in bad[0]
        assert ".jsonl:1: empty_audio: " in bad[0]
        kept = [row for row in good.splitlines() if "01_Read_0: " not in row]
        assert [row for row in found.stdout.splitlines() if row not in bad][: len(kept)] == kept
        assert f"1 clip cannot be read; `audio-flan validate {root}` names all that is wrong" in found.stderr
    names = {path.stem for path in (tmp_path / "clips").iterdir()}
    assert names
    assert "01_Read_0" not in names

    rows = json.loads(run("peek", root, "speech_asr", "-n", "9", "--json", code=1).stdout)
    clips = [clip for row in rows for clip in row["input_audio"]]
    faults = [clip for clip in clips if "error" in clip]
    assert [clip["id"] for clip in faults] == ["01_Read_0"]
    assert (faults[0]["seconds"], faults[0]["error"]["reason"]) == (None, "empty_audio")
    assert faults[0]["error"]["line"] == 1


def test_a_bad_clip_of_built_data_is_named_by_peek(indexed_root, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "built")
    for shard in (root / "audio").rglob("*.tar"):
        shard.write_bytes(b"x" * shard.stat().st_size)
    found = run("peek", root, "speech_asr", "-n", "2", code=1)
    assert found.stdout.count("speech_asr  train") == found.stdout.count("cannot be read") == 2
    assert "2 clips cannot be read" in found.stderr


@pytest.mark.parametrize("command", ["info", "peek", "stats", "filter", "rebalance", "export", "validate"])
def test_help_says_which_data_a_command_takes(command):
    text = " ".join(run(command, "--help").stdout.split())
    assert "The data in any form: a folder, ORG/NAME on the Hub, or a URL." in text
    assert "A release: a folder" not in text


def test_help_of_the_audit_says_that_it_takes_built_data():
    text = " ".join(run("audit-ledger", "--help").stdout.split())
    assert "The built data that were streamed: a folder, ORG/NAME on the Hub, or a URL." in text


def test_printed_commands_can_be_pasted(small_tree):
    root = small_tree.root.rename(small_tree.root.with_name("a folder"))
    for args in (["info", root], ["stats", root], ["stats", root, "speech_caption"]):
        code = int(args[-1] == "speech_caption")
        if code:
            args[-1:] = ["--config", "speech_caption"]
        line_of_command = run(*args, code=code).stdout.strip().splitlines()[-1]
        assert line_of_command.startswith("Next: audio-flan ")
        assert f"'{root}'" in line_of_command
    assert f"audio-flan info '{root}'`" in run("peek", root, "speech_caption", code=1).stderr
    write(root, metadata_path("speech", "understanding", "test", "x", "bad.jsonl"), b"{")
    for command in ("info", "stats", "filter"):
        assert f"audio-flan validate '{root}'" in run(command, root).stdout


@pytest.mark.parametrize(
    "args",
    [("peek", "ROOT", "sample"), ("filter", "ROOT", "--config", "sample"),
     ("stats", "ROOT", "--config", "Sample"), ("rebalance", "ROOT", "--task", "sample")],
)  # fmt: skip
def test_the_sample_is_no_config_of_the_commands(small_tree, args):
    found = run(*(small_tree.root if arg == "ROOT" else arg for arg in args), code=2)
    assert (
        "built data have it for load_dataset alone; the config with rows of every task is 'all'"
        in found.stderr
    )


def test_what_is_no_folder_and_no_file_is_named(small_tree, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    found = run("peek", small_tree.root, "--save-audio", file, code=2)
    assert f"{file} is a file: name a folder" in found.stderr
    found = run("stats", small_tree.root, "--attributes-map", tmp_path / "no.json", code=2)
    assert found.stderr == f"error: there is no map of attributes {tmp_path / 'no.json'}\n"
    found = run("stats", small_tree.root, "--attributes-map", tmp_path, code=2)
    assert found.stderr == f"error: {tmp_path} is a folder, expected a JSON file: {{task: [attributes]}}\n"


def test_an_unknown_id_leaves_no_empty_brackets(small_tree):
    path = metadata_path("speech", "understanding", "test", "x", "a.jsonl")
    write(small_tree.root, path, line("u", split="test", input="<|SOA|>nowhere<|EOA|>"))
    found = run("peek", small_tree.root, "speech_asr", "--split", "test", code=1)
    assert "nowhere: cannot be read" in found.stdout
    assert "()" not in found.stdout + found.stderr
    row = next(iter(audio_flan.stream(small_tree.root, "speech_asr", "test", columns=["uuid"])))
    assert row == {"uuid": "u"}
    with pytest.raises(audio_flan.AudioError, match=r"^audio 'nowhere': unknown audio id: no scp file"):
        next(iter(audio_flan.stream(small_tree.root, "speech_asr", "test")))


def test_peek_without_rows_prints_json_that_can_be_read(small_tree):
    found = run("peek", small_tree.root, "speech_caption", "--json", code=1)
    assert json.loads(found.stdout) == []
    assert "no rows of speech_caption" in found.stderr


@pytest.mark.parametrize(
    "command", ["tasks", "tasks --json", "info ROOT", "peek ROOT all", "validate ROOT --json", "--help"]
)
def test_a_reader_that_goes_away_makes_no_noise(small_tree, command):
    command = command.replace("ROOT", str(small_tree.root))
    for reader in ("head -n 1", "true"):
        found = shell(f"{sys.executable} -m audio_flan.cli {command} | {reader}")
        assert found.stderr == ""


@pytest.mark.parametrize("columns", [20, 60])
def test_tables_fit_a_narrow_terminal(small_tree, columns):
    for args in (["tasks"], ["info", small_tree.root]):
        text = run(*args, env={"COLUMNS": str(columns)}).stdout
        table = [row for row in text.splitlines() if "─" in row or "  " in row]
        assert max(map(len, table)) <= columns


def test_tables_in_a_pipe_have_a_line_for_each_row():
    rows = [row.split("  ", 1)[0].strip() for row in run("tasks").stdout.splitlines()]
    assert set(rows) >= set(taxonomy().tasks)


def test_a_terminal_sees_progress_and_no_leftovers(small_tree):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "validate", str(small_tree.root)], stdout=subprocess.PIPE, stderr=slave
    )
    out, _ = process.communicate(timeout=60)
    os.close(slave)
    os.close(master)
    assert process.returncode == 0
    assert b"nothing is wrong" in out


@pytest.mark.parametrize("command", ["validate", "info"])
def test_ctrl_c_stops_at_once_with_one_line(tmp_path, command):
    path = metadata_path("speech", "understanding", "test", "x", "a.jsonl")
    row = line("u", split="test", input="-") + b"\n"
    write(tmp_path, path, row * 400_000)
    process = subprocess.Popen(
        [*COMMAND, command, str(tmp_path), "--cache-dir", str(tmp_path / "cache")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "cache").exists():  # it is about to read the rows
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == ("", "stopped\n")
    assert process.returncode == 130


HEAVY = (
    "torch", "torchcodec", "datasets", "transformers", "av", "rich", "polars", "pyarrow", "numpy",
    "soundfile", "miniaudio", "fsspec",
)  # fmt: skip


def imported(code: str) -> set[str]:
    probe = f"import sys\n{code}\nprint('|', *sys.modules)"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(found.stdout.rpartition("|")[2].split())


def test_importing_the_package_imports_nothing_heavy():
    assert not imported("import audio_flan") & set(HEAVY)


def test_help_imports_nothing_heavy():
    code = "from audio_flan.cli.app import app\ntry:\n    app(['--help'])\nexcept SystemExit: pass"
    assert not imported(code) & (set(HEAVY) - {"rich"})


def test_names_are_listed_without_heavy_imports():
    code = "import audio_flan\naudio_flan.list_configs()"
    assert not imported(code) & set(HEAVY)


@pytest.mark.parametrize("command", ["info", "peek", "validate"])
def test_commands_need_neither_datasets_nor_torch(small_tree, command):
    call = f"app([{command!r}, {str(small_tree.root)!r}])"
    code = f"from audio_flan.cli.app import app\ntry:\n    {call}\nexcept SystemExit: pass"
    assert not imported(code) & {"torch", "torchcodec", "datasets", "polars", "pyarrow"}


def test_help_takes_no_time():
    start = os.times()
    run("--help")
    end = os.times()
    assert (end.children_user + end.children_system) - (start.children_user + start.children_system) < 0.6
