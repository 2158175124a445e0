"""Onto the Hub and back, with the real client and faults on the way; what must not be published is not."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hub.clients import ask_client, client_environment
from hub.uploads import Uploads
from hypothesis import given
from hypothesis import strategies as st
from marks import since_datasets_4

from audio_flan.building import build
from audio_flan.publishing import PublishError, plan_publish, publish
from audio_flan.publishing.journal import JOURNAL_NAME
from audio_flan.publishing.plan import LAST_FILES, base_of_repo, cut_batches, restricted_corpora, stale_files
from audio_flan.shards import (
    CorpusFacts,
    FileFacts,
    parse_cell,
    parse_manifest,
    read_manifest,
    row_glob,
    verify,
)
from audio_flan.shards.layout import SAMPLE_FILE

REPO = "HKUSTAudio/Audio-FLAN"
BASE = f"hf://datasets/{REPO}"


@pytest.fixture
def uploads(hub, tmp_path) -> Uploads:
    """A Hub that takes files."""
    return Uploads(hub, tmp_path / "hub")


@pytest.fixture
def run(hub, tmp_path, uploads):
    """The command, in a process whose Hub is the test's."""

    def run(root, *options, code=0, repo=REPO):
        command = [sys.executable, "-m", "audio_flan.cli", "publish", str(root), "--repo-id", repo]
        environment = client_environment(hub, tmp_path / "home", HF_TOKEN="hf_test")
        done = subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done.stdout if code in (0, 1) else done.stderr

    return run


def files_of(root: Path) -> dict[str, bytes]:
    """Files by path, but for the folder in which a build keeps its records."""
    paths = (path for path in root.rglob("*") if path.is_file() and ".build" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def published(tmp_path) -> Path:
    return tmp_path / "hub" / REPO


def test_everything_of_the_manifest_arrives_and_nothing_else(root, run, uploads, tmp_path):
    (root / ".cache").mkdir()
    (root / ".cache/secret").write_text("not yours")
    (root / "data/.tmp-left").write_text("killed")
    (root / "notes.txt").write_text("mine")
    text = run(root, "--create", "--allow-restricted")
    assert "files of" in text
    assert "Next: python -c" in text
    there = files_of(published(tmp_path))
    manifest = read_manifest(root)
    assert set(there) == {file.path for file in manifest.files} | set(LAST_FILES)
    assert all(files_of(root)[path] == data for path, data in there.items())
    assert list(verify(published(tmp_path), deep=True)) == []
    assert manifest.base == parse_manifest(there["audio_flan.json"]).base == BASE
    assert f'load_dataset("{REPO}")' in there["README.md"].decode()
    assert uploads.commits[-1][1] == ["README.md", "croissant.json", "audio_flan.json"]
    assert not (root / JOURNAL_NAME).exists()


LOAD = """
import json, os, sys
import datasets, fsspec
datasets.disable_progress_bars()
repo = sys.argv[1]
sample = datasets.load_dataset(repo)["train"].select_columns(["uuid", "task"])
rows = datasets.load_dataset(repo, "speech_asr", split="train", streaming=True)
for column in ("input_audio", "output_audio"):
    rows = rows.cast_column(column, datasets.List(datasets.Audio(decode=False)))
sizes = {}
for row in rows:
    with fsspec.open(row["input_audio"][0]["path"]) as clip:
        sizes[row["uuid"]] = len(clip.read())
print(json.dumps([len(sample), sizes]), flush=True)
os._exit(0)  # the threads of datasets' reader can abort the end of the interpreter
"""


@pytest.mark.slow
@since_datasets_4
def test_what_is_published_loads_with_plain_datasets(root, run, hub, tmp_path):
    run(root, "--create", "--allow-restricted")
    sample, sizes = ask_client(hub, tmp_path / "reader", LOAD, REPO)
    rows = pl.read_parquet(root / row_glob("speech_asr", "train")).to_dicts()
    expected = {row["uuid"]: parse_cell(row["input_audio"][0]["path"]).nbytes for row in rows}
    assert sizes == expected != {}
    assert sample == sample_rows(root)


def sample_rows(root: Path) -> int:
    return next(file.rows for file in read_manifest(root).files if file.path == SAMPLE_FILE)


@pytest.mark.slow
def test_a_second_time_nothing_is_sent(root, run, uploads, hub):
    run(root, "--create", "--allow-restricted")
    commits, before = len(uploads.commits), hub.requests["upload"]
    assert before > 0
    assert f"nothing had to be sent, {REPO} has all of it" in run(root, "--allow-restricted")
    assert hub.requests["upload"] == before
    assert len(uploads.commits) == commits
    (root / "README.md").write_text(f"{(root / 'README.md').read_text()}\nBy hand.\n")
    summary = json.loads(run(root, "--allow-restricted", "--json"))
    assert (summary["files"], summary["bytes"]) == (1, (root / "README.md").stat().st_size)


@pytest.mark.slow
def test_private_data_do_not_go_to_a_public_repo(root, run, uploads, hub, tmp_path):
    published(tmp_path).mkdir(parents=True)
    hub.add(REPO, published(tmp_path))
    before = files_of(root)
    for options in (("--create", "--private"), ("--private",)):
        assert f"{REPO} is public" in run(root, *options, "--allow-restricted", code=2)
    assert uploads.commits == []
    assert files_of(root) == before
    run(root, "--create", "--private", "--allow-restricted", repo="HKUSTAudio/mine")
    run(root, "--private", "--allow-restricted", repo="HKUSTAudio/mine")
    assert hub.repos["HKUSTAudio/mine"].info()["private"]


def test_no_repo_is_made_for_what_will_not_be_sent(root, run, uploads, hub):
    min((root / "audio").rglob("*.tar")).unlink()
    run(root, "--create", "--allow-restricted", code=2)
    assert hub.repos == {}
    assert hub.log == []


@pytest.mark.slow
def test_faults_that_pass_are_not_noticed(root, run, hub, tmp_path):
    paths = (
        "/api/repos/create",
        "/api/datasets/*/commit/main",
        "/lfs/*",
        "*/lfs/objects/batch",
        "*/preupload/*",
        "*/tree/*",
    )
    for path in paths:
        hub.fail(503, path, times=1)
    run(root, "--create", "--allow-restricted")
    assert hub.requests["fault"] == len(paths)
    assert list(verify(published(tmp_path), deep=True)) == []


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--create",)])
def test_without_a_network_it_is_one_line(root, run, hub, options):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        hub.endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        message = run(root, "--allow-restricted", *options, code=2)
    assert message.splitlines()[-1].startswith("error: the upload stopped: Connect")


@pytest.mark.slow
def test_after_a_fault_that_stays_the_next_run_goes_on(indexed_root, run, hub, uploads, tmp_path):
    root = shutil.copytree(indexed_root, tmp_path / "root")
    files = len(read_manifest(root).files)
    assert files > 100  # more than one commit
    hub.fail(403, "/api/datasets/*/commit/main", first=2, times=1)
    message = run(root, "--create", "--allow-restricted", code=2)
    assert message.startswith("error: the Hub refuses: ")
    assert len(uploads.commits) == 1
    journal = json.loads((root / JOURNAL_NAME).read_text())
    assert sorted(journal["files"]) == sorted(uploads.commits[0][1])
    sent = hub.requests["upload"]
    hub.forget()
    run(root, "--create", "--allow-restricted")
    assert list(verify(published(tmp_path), deep=True)) == []
    committed = [path for _, paths in uploads.commits for path in paths]
    assert len(committed) == len(set(committed)) == files + len(LAST_FILES)
    assert sent > 0
    offered = sum(1 for exchange in hub.log if exchange.kind == "preupload")
    assert offered == -(-(files - 100) // 100) + 1  # what was committed is not offered again


@pytest.mark.slow
def test_files_of_an_older_build_are_removed(demo_root, run, uploads, tmp_path, root):
    run(root, "--create", "--allow-restricted")
    (published(tmp_path) / "LICENSE").write_text("by hand")
    smaller = tmp_path / "smaller"
    build(demo_root, smaller, config="speech_asr")
    assert "of an older build removed" in run(smaller, "--allow-restricted")
    there = files_of(published(tmp_path))
    expected = {file.path for file in read_manifest(smaller).files}
    assert set(there) == expected | {*LAST_FILES, "LICENSE"}
    assert list(verify(published(tmp_path), deep=True)) == []


def test_a_repo_with_other_data_is_left_alone(root, run, hub, tmp_path):
    other = published(tmp_path) / "data"
    other.mkdir(parents=True)
    (other / "train-00000-of-00001.parquet").write_bytes(b"theirs")
    hub.add(REPO, published(tmp_path))
    message = run(root, "--allow-restricted", code=2)
    assert "data of another kind, such as data/train-00000-of-00001.parquet" in message
    assert files_of(published(tmp_path)) == {"data/train-00000-of-00001.parquet": b"theirs"}


def test_no_repo_no_branch_no_name(root, run, uploads):
    assert "--create makes it" in run(root, "--allow-restricted", code=2)
    assert "expected ORG/NAME, got 'nobody'" in run(root, "--allow-restricted", code=2, repo="nobody")
    assert "expected ORG/NAME" in run(root, "--allow-restricted", code=2, repo="a/b/c")
    assert uploads.commits == []
    assert read_manifest(root).base == ""


def test_corpora_that_are_not_known_to_be_free_need_a_word(root, run, uploads):
    before = files_of(root)
    message = run(root, "--create", code=2)
    assert "not known to be free to pass on: 01_EspeakRead (unknown)" in message
    assert "--allow-restricted" in message
    assert files_of(root) == before
    assert uploads.commits == []


def test_a_root_that_does_not_verify_is_refused(root, run, uploads):
    broken = min((root / "audio").rglob("*.tar"))
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    plan = plan_publish(root, REPO, deep=True)
    assert [problem.path for problem in plan.problems] == [broken.relative_to(root).as_posix()]
    message = run(root, "--create", "--allow-restricted", "--deep", code=2)
    assert "does not match its manifest" in message
    broken.unlink()
    assert "it is missing" in run(root, "--create", "--allow-restricted", code=2)
    assert uploads.commits == []
    (root / "audio_flan.json").unlink()
    assert "it is no finished build" in run(root, "--create", "--allow-restricted", code=2)


@pytest.mark.slow
def test_a_rebase_that_was_stopped_is_finished(root, run, tmp_path):
    from audio_flan.publishing import rebase

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebase(root, BASE, progress=stop)
    run(root, "--create", "--allow-restricted")
    assert list(verify(published(tmp_path), deep=True)) == []


def test_a_dry_run_says_what_would_be_and_changes_nothing(root, speech_embedded, run, hub):
    before = files_of(root)
    plan = json.loads(run(root, "--dry-run", "--json", code=1))
    manifest = read_manifest(root)
    assert plan["files"] == len(manifest.files) + len(LAST_FILES)
    assert plan["bytes"] == sum(len(data) for data in before.values())
    assert (plan["base_before"], plan["base"]) == ("", BASE)
    assert {each["corpus"] for each in plan["restricted"]} == {
        each.corpus for each in manifest.corpora if each.rows or each.clips
    }
    text = run(root, "--dry-run", "--allow-restricted", "--revision", "v 2")
    assert f"point to {BASE}@v%202" in text
    command = f"publish {root} --repo-id {REPO} --revision 'v 2' --allow-restricted"
    assert text.splitlines()[-1] == f"Next: audio-flan {command}"
    assert "may be" in text  # a narrow terminal wraps it
    assert "need --allow-restricted" in run(root, "--dry-run", code=1)
    assert json.loads(run(speech_embedded, "--dry-run", "--json", code=1))["base"] == ""
    assert files_of(root) == before
    assert hub.log == []


def test_an_embedded_root_keeps_its_rows(speech_embedded, run, tmp_path):
    root = shutil.copytree(speech_embedded, tmp_path / "embedded")
    run(root, "--create", "--private", "--allow-restricted")
    there = files_of(published(tmp_path))
    changed = {path for path, data in files_of(speech_embedded).items() if there[path] != data}
    assert changed == {"README.md", "croissant.json"}


def test_which_corpora_are_restricted(speech_indexed):
    facts = {
        "09_LJSpeech": True,
        "KeSpeech": False,
        "17_Aishell2": None,
        "99_Mine": None,
        "20_ESD": None,
    }
    corpora = [CorpusFacts(corpus, 1, 1, 0, 1, 1, 1.0, {}, {}, {}, {}) for corpus in facts]
    empty = CorpusFacts("_tree", 0, 0, 0, 0, 0, 0.0, {"misplaced_file": 1}, {}, {}, {})
    manifest = msgspec.structs.replace(read_manifest(speech_indexed), corpora=(*corpora, empty))
    found = {each.corpus: each.redistribution for each in restricted_corpora(manifest)}
    assert found == {corpus: free for corpus, free in facts.items() if not free}


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 5), st.integers(1, 60))
def test_batches(sizes, max_files, max_bytes):
    files = [FileFacts(str(n), size, "") for n, size in enumerate(sizes)]
    batches = cut_batches(iter(files), max_files, max_bytes)
    assert [file for batch in batches for file in batch.files] == files
    for batch in batches:
        assert 1 <= len(batch.files) <= max_files
        assert batch.nbytes <= max_bytes or len(batch.files) == 1


def test_stale_files_are_ours_only(speech_indexed):
    manifest = read_manifest(speech_indexed)
    ours = manifest.files[0].path
    remote = {ours: 1, "data/old.parquet": 1, "LICENSE": 1, ".gitattributes": 1, "index.html": 1}
    assert stale_files(remote, manifest) == ["data/old.parquet"]


def test_bases_of_repos():
    assert base_of_repo("a/b") == "hf://datasets/a/b"
    assert base_of_repo("a/b", "refs/pr/1") == "hf://datasets/a/b@refs%2Fpr%2F1"


def test_the_function_refuses_as_the_command_does(root):
    with pytest.raises(PublishError, match="say --allow-restricted"):
        publish(root, REPO)
