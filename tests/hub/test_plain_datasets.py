"""`datasets.load_dataset("HKUSTAudio/Audio-FLAN", ...)` word for word, with nothing of ours imported.

The indexed form with our package installed, the embedded form without it.
"""

import hashlib
import json
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import audio_flan
from audio_flan.release import open_release
from audio_flan.taxonomy import list_configs, resolve_config, taxonomy
from hub.clients import ask_client, client_environment

REPO = "HKUSTAudio/Audio-FLAN"
SCRIPT = Path(__file__).with_name("plain_client.py")
FEW = [
    "all",
    "music",
    "generation",
    "understanding_speech",
    "audio_generation",
    "speech_asr",
    "audio_inpainting",
]
"""Of each kind."""
FEWER = ["music", "speech_asr"]


@pytest.fixture(scope="session")
def released(corpus):
    """Number of rows by task and split, and hashes of the clips of the rows of each task, by uuid."""
    release = open_release(corpus)
    hashed = {line.audio_id: line.audio_id for line in release.clips}
    for audio_id in hashed:
        hashed[audio_id] = hashlib.sha256(release.clips.locate(audio_id).read()).hexdigest()
    rows, clips = Counter(), defaultdict(dict)
    columns = ["uuid", "task", "split", "input_audio_ids", "output_audio_ids"]
    for row in audio_flan.stream(corpus, "all", "all", columns=columns):
        rows[row["task"], row["split"]] += 1
        ids = [*row["input_audio_ids"], *row["output_audio_ids"]]
        clips[row["task"]][row["uuid"]] = [hashed[audio_id] for audio_id in ids]
    return rows, clips


def rows_of(released, config):
    counts = Counter()
    for (task, split), n in released[0].items():
        if task in resolve_config(config).task_names:
            counts[split] += n
    return dict(counts)


def load(hub, repos, pythons, tmp_path, form, version, streaming, configs):
    hub.redirects = True
    hub.add(REPO, repos[form])
    wish, found = tmp_path / "wish.json", tmp_path / "found.json"
    tasks = list(taxonomy().tasks)
    package = form == "indexed"
    wish.write_text(
        json.dumps(
            {"repo": REPO, "streaming": streaming, "configs": configs, "hashed": tasks, "package": package}
        )
    )
    subprocess.run(
        [pythons(version, package=package), "-I", "-W", "ignore", SCRIPT, wish, found],
        env=client_environment(hub, tmp_path / "home"),
        cwd=tmp_path,
        check=True,
        timeout=900,
    )
    assert hub.requests["leaked token"] == 0
    return json.loads(found.read_text())


USUAL = {
    ("indexed", "newest", True),
    ("embedded", "newest", False),
    ("indexed", "3.6", False),
    ("embedded", "3.6", True),
    ("indexed", "4.8", True),
    ("embedded", "4.8", False),
}
"""Every two of form, client and way to load occur together, but for 4.8, which lies between."""


@pytest.fixture
def configs(request, form, version, streaming):
    """All of them, streamed from the indexed form by the newest client; by all others when asked for."""
    if request.config.getoption("--every-config"):
        return list_configs()
    if (form, version, streaming) not in USUAL:
        pytest.skip("with --every-config")
    if version == "4.8":
        return FEWER
    return list_configs() if (form, version, streaming) == ("indexed", "newest", True) else FEW


@pytest.mark.slow
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("version", ["newest", "4.8", "3.6"])
@pytest.mark.parametrize("form", ["indexed", "embedded"])
def test_configs_give_their_rows_with_the_released_sound(
    hub, repos, pythons, released, tmp_path, form, version, streaming, configs
):
    found = load(hub, repos, pythons, tmp_path, form, version, streaming, configs)
    assert version == "newest" or found["datasets"].startswith(f"{version}.")
    assert found["configs"] == ["sample", *list_configs()]
    assert set(found["sample"]["train"]) == set(taxonomy().tasks)
    assert found["rows"] == {config: rows_of(released, config) for config in configs}
    clips = [hashes for task, hashes in released[1].items() if task in configs]
    assert found["clips"] == {uuid: each for hashes in clips for uuid, each in hashes.items()}


WITHOUT_THE_PACKAGE = """
import json, sys
import datasets
repo = sys.argv[1]
sample = next(iter(datasets.load_dataset(repo, split="train", streaming=True)))
rows = datasets.load_dataset(repo, "speech_asr", split="train", streaming=True)
text = next(iter(rows.select_columns(["instruction", "output"])))
try:
    next(iter(rows))
except ValueError as error:
    print(json.dumps([len(sample["input_audio"][0]["array"]), text["output"], str(error)]))
"""


@pytest.mark.slow
def test_the_indexed_form_without_the_package_gives_text_and_the_sample(hub, repos, pythons, tmp_path):
    hub.add(REPO, repos["indexed"])
    python = pythons("newest", package=False)
    frames, output, error = ask_client(hub, tmp_path, WITHOUT_THE_PACKAGE, REPO, python=python)
    assert frames
    assert output
    assert error == "Protocol not known: audioflan"


def test_rows_are_as_many_as_is_known_of_the_shared_corpus(shared_corpus, released):
    known = json.loads(shared_corpus.with_suffix(".expected.json").read_text())
    assert sum(rows_of(released, "all").values()) == known["instances"]
    for domain, n in known["per_domain"].items():
        assert sum(rows_of(released, domain).values()) == n
    for name, n in known["per_split"].items():
        assert rows_of(released, "all")["validation" if name == "dev" else name] == n
