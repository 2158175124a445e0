"""Clips of a repo on the Hub, by the real clients in processes of their own."""

from pathlib import Path

import pytest
from hub.clients import ask_client, run_client
from hub.server import Hub

import audio_flan
from audio_flan.fetch import BASE_VARIABLE
from audio_flan.shards import row_glob
from audio_flan.shards.index import read_index

REPO = "HKUSTAudio/Audio-FLAN"
ROOT = f"hf://datasets/{REPO}"

READ = """
import json, sys
import audio_flan
root, ids, token = sys.argv[1], sys.argv[2].split(","), sys.argv[3] or None
store = audio_flan.AudioStore(root, token=token)
print(json.dumps({"root": store.root, "sizes": [len(store[i].encoded()) for i in ids]}))
"""
PLAIN = """
import json, sys
import datasets, fsspec
assert "audio_flan" not in sys.modules
datasets.disable_progress_bars()
repo, glob, token = sys.argv[1], sys.argv[2], sys.argv[3] or None
rows = datasets.load_dataset(repo, data_files={"train": glob}, split="train", streaming=True, token=token)
rows = rows.cast_column("input_audio", [datasets.Audio(decode=False)]).select_columns(["input_audio"])
sizes = []
for row in rows:
    for cell in row["input_audio"]:
        with datasets.utils.file_utils.xopen(cell["path"], "rb") as handle:
            size = int(cell["path"].partition("&size=")[2].partition("&")[0])
            sizes.append([len(handle.read()), size, cell["path"]])
print(json.dumps(sizes))
"""


@pytest.fixture
def hub(request, indexed_root):
    with Hub(redirects=getattr(request, "param", True)) as hub:
        hub.add(REPO, indexed_root)
        yield hub


@pytest.fixture
def clips(indexed_root):
    """Clips of one corpus in the order in which they are stored."""
    index = max(indexed_root.glob("index/*.parquet"), key=lambda path: path.stat().st_size)
    found = sorted(read_index(index), key=lambda clip: (clip.shard, clip.offset))
    return [clip for clip in found if clip.shard == found[0].shard]


def sizes(clips):
    return [clip.nbytes for clip in clips]


def ids(clips):
    return ",".join(clip.id for clip in clips)


@pytest.mark.parametrize(("hub", "root"), [(True, REPO), (False, f"{ROOT}@main")], indirect=["hub"])
def test_clips_in_order_cost_few_requests_and_come_of_one_commit(hub, clips, tmp_path, root):
    found = ask_client(hub, tmp_path, READ, root, ids(clips), "")
    assert found == {"root": f"{ROOT}@{hub.repos[REPO].commit}", "sizes": sizes(clips)}
    asked = [exchange for exchange in hub.log if exchange.path.endswith(".tar")]
    assert sum(exchange.nbytes for exchange in asked) <= 1.3 * sum(sizes(clips))
    assert len(asked) <= sum(sizes(clips)) / (4 << 20) + 20
    assert sum("/resolve/" in exchange.path for exchange in asked) == (1 if hub.redirects else len(asked))
    assert not hub.requests["leaked token"]
    assert not any(exchange.method == "HEAD" or "/api/datasets" in exchange.path for exchange in hub.log)


@pytest.mark.parametrize("how", ["argument", "variable", "file"])
def test_a_gated_repo_wants_a_token(hub, clips, tmp_path, how):
    hub.repos[REPO].token = "hf_right"
    environment, token = {}, ""
    if how == "argument":
        token = "hf_right"
    elif how == "variable":
        environment = {"HF_TOKEN": "hf_right"}
    else:
        (tmp_path / "token").write_text("hf_right")
    found = ask_client(hub, tmp_path, READ, REPO, ids(clips), token, **environment)
    assert found["sizes"] == sizes(clips)
    assert not hub.requests["leaked token"]
    assert not hub.requests["refused"]


@pytest.mark.parametrize(
    ("refusal", "token", "said"),
    [
        ("gated", "", f"PermissionError: the dataset {REPO} is gated: ask for access at http"),
        ("gated", "hf_wrong", f"PermissionError: the dataset {REPO} is gated: ask for access at http"),
        ("private", "", f"PermissionError: there is no dataset {REPO} on the Hub; if it is private, log in"),
    ],
)
def test_without_it_the_error_says_what_to_do(hub, clips, tmp_path, token, refusal, said):
    hub.repos[REPO].token, hub.repos[REPO].refusal = "hf_right", refusal
    done = run_client(hub, tmp_path, READ, REPO, ids(clips), token)
    assert said in done.stderr.splitlines()[-1]
    assert "hf auth login" in done.stderr.splitlines()[-1]
    assert hub.requests["refused"] == 1


def test_offline_only_the_hub_is_not_asked(hub, clips, tmp_path):
    url = f"{hub.endpoint}/datasets/{REPO}/resolve/main"
    offline = {"HF_HUB_OFFLINE": "1"}
    found = ask_client(hub, tmp_path, READ, url, ids(clips), "", HF_ENDPOINT="https://hub.invalid", **offline)
    assert found == {"root": url, "sizes": sizes(clips)}
    hub.forget()
    for root in (url, REPO):
        done = run_client(hub, tmp_path, READ, root, ids(clips), "", **offline)
        assert "offline mode is enabled" in done.stderr.splitlines()[-1]
    assert not hub.log


def test_other_hosts_are_told_nothing_of_the_hub(hub, clips, tmp_path):
    seen = []
    hub.extensions.append(lambda request: seen.append(request.headers))
    url = f"{hub.endpoint}/datasets/{REPO}/resolve/main"
    settings = {"HF_ENDPOINT": "https://hub.invalid", "HF_TOKEN": "hf_secret"}
    ask_client(hub, tmp_path, READ, url, ids(clips[:1]), "", **settings)
    assert all(headers["User-Agent"].startswith("audio-flan/") for headers in seen)
    assert not any(name in headers for headers in seen for name in ("Authorization", "X-Amzn-Trace-Id"))


@pytest.mark.slow
def test_faults_that_pass(hub, clips, tmp_path):
    for number, fault in enumerate([500, "reset", "truncated", "flip"]):
        hub.fail(fault, "*cdn/*.tar", first=number + 1)
    hub.fail(429, "*resolve/*.tar", retry_after=1)
    assert ask_client(hub, tmp_path, READ, REPO, ids(clips), "")["sizes"] == sizes(clips)


def test_a_damaged_clip_is_named(hub, clips, tmp_path):
    hub.fail("flip", "*.tar", times=100)
    done = run_client(hub, tmp_path, READ, REPO, ids(clips[:1]), "")
    assert f"AudioError: audio '{clips[0].id}'" in done.stderr.splitlines()[-1]
    assert "damaged: its bytes have the xxh3" in done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["argument", "variable"])
def test_plain_datasets_streams_a_gated_repo(hub, tmp_path, how):
    """The token that is given to datasets is good for the clips, too."""
    environment = {BASE_VARIABLE: ROOT} | ({"HF_TOKEN": "hf_right"} if how == "variable" else {})
    hub.repos[REPO].token = "hf_right"
    token = "hf_right" if how == "argument" else ""
    found = ask_client(hub, tmp_path, PLAIN, REPO, row_glob("audio", "train"), token, **environment)
    assert found
    assert all(got == expected for got, expected, _ in found)
    unique = {path: got for got, _, path in found}
    asked = [exchange for exchange in hub.log if exchange.path.endswith(".tar")]
    assert sum(exchange.nbytes for exchange in asked) <= 1.3 * sum(unique.values())
    assert not hub.requests["leaked token"]


def test_a_revision_that_is_not_there(hub, tmp_path):
    done = run_client(hub, tmp_path, READ, f"{ROOT}@v9", "x", "")
    assert f"/datasets/{REPO} has no revision 'v9'" in done.stderr.splitlines()[-1]


@pytest.fixture
def real_size(tmp_path, monkeypatch):
    """A root of clips of 2 to 15 seconds, each used by four rows."""
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "tools/bench")
    from workload import make_release

    release = make_release(tmp_path / "release", "FLAC", 60)
    audio_flan.build(release, tmp_path / "root", shard_size=5_000_000)
    return tmp_path / "root"


@pytest.mark.slow
def test_clips_of_real_size_cost_plain_datasets_what_was_promised(real_size, tmp_path):
    with Hub(redirects=True) as hub:
        hub.add(REPO, real_size)
        found = ask_client(
            hub, tmp_path, PLAIN, REPO, row_glob("speech_asr", "train"), "", **{BASE_VARIABLE: ROOT}
        )
        asked = [exchange for exchange in hub.log if exchange.path.endswith(".tar")]
    unique = sum({path: got for got, _, path in found}.values())
    assert len(found) == 4 * 60
    assert sum(exchange.nbytes for exchange in asked) <= 1.3 * unique
    assert len(asked) <= unique / (4 << 20) + 20
