"""Builds for an object store: a real client against a server of S3 on this machine."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest
from built import tree

from audio_flan.building import BuildError, build
from audio_flan.publishing import PublishError, build_folder
from audio_flan.publishing.plan import LAST_FILES
from audio_flan.shards import MANIFEST_NAME

pytest.importorskip("moto")
pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def store():
    """Variables of a process whose S3 is a server of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment = os.environ | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything",
    }  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not _listens(port) and time.monotonic() < deadline:
            time.sleep(0.1)
        yield environment
    finally:
        server.kill()
        server.wait()


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def client(store):
    """Run Python with `fs`, a file system of the store."""

    def run(code, *arguments):
        code = f"import json, sys, s3fs\nfs = s3fs.S3FileSystem()\n{code}"
        command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
        done = subprocess.run(command, env=store, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    return run


@pytest.fixture
def url(client, tmp_path):
    """A place in a new bucket."""
    bucket = tmp_path.name.replace("_", "-").lower()
    client("fs.mkdir(sys.argv[1])", bucket)
    return f"s3://{bucket}/flan"


@pytest.fixture
def run(store):
    def audio_flan(*arguments):
        command = [sys.executable, "-W", "ignore", "-m", "audio_flan.cli", "build", *map(str, arguments)]
        return subprocess.run(command, env=store, capture_output=True, text=True, timeout=120, check=False)

    return audio_flan


@pytest.mark.slow
def test_a_build_for_a_bucket(run, client, url, small_tree, tmp_path):
    work = tmp_path / "work"
    done = run(small_tree.root, url, "--work", work, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    first = json.loads(done.stdout)["mirror"]
    client("fs.get(sys.argv[1] + '/', sys.argv[2], recursive=True)", url, tmp_path / "copy")
    made = {path: data for path, data in tree(work).items() if not path.startswith(".build")}
    assert tree(tmp_path / "copy") == made
    assert first["files"] == sum(data != b"folder" for data in made.values())
    clips = f"{url}/audio/01_Read/01_Read-00000.tar"
    client("fs.rm(sys.argv[1])", clips)
    again = json.loads(run(small_tree.root, url, "--work", work, "--json").stdout)["mirror"]
    assert again["files"] == len((clips, *LAST_FILES))
    assert client("print(json.dumps(fs.exists(sys.argv[1])))", clips)


@pytest.mark.slow
def test_other_data_in_the_way(run, client, url, small_tree, tmp_path):
    client("fs.pipe(sys.argv[1] + '/data/mine.txt', b'do not touch')", url)
    done = run(small_tree.root, url, "--work", tmp_path / "work")
    assert done.returncode == 2
    assert "data of another kind, such as data/mine.txt" in done.stderr
    assert not client("print(json.dumps(fs.exists(sys.argv[1])))", f"{url}/{MANIFEST_NAME}")
    assert (tmp_path / "work" / MANIFEST_NAME).exists()


@pytest.mark.parametrize(
    ("out", "work", "message"),
    [
        ("hf://datasets/ORG/NAME", "w", "`audio-flan publish FOLDER --repo-id ORG/NAME`"),
        ("ftp://host/folder", "w", "is no object store"),
        ("s3://bucket/flan", None, "say --work FOLDER"),
        ("out", "w", "--work is for an OUT that is a URL"),
    ],
)
def test_what_is_not_written_to(out, work, message):
    with pytest.raises(PublishError, match=message):
        build_folder(out, work)


def test_the_function_builds_in_folders(small_tree):
    with pytest.raises(BuildError, match="is no folder: build in one"):
        build(small_tree.root, "s3://bucket/flan")
