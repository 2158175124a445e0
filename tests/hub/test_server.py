"""The test Hub itself, through the client of the real one and bare HTTP."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hub.repos import names_below

REPO = "org/name"
PATH = f"/datasets/{REPO}/resolve/main"


@pytest.fixture
def served(hub, tmp_path):
    """The Hub with a repo of three files."""
    folder = tmp_path / "repo"
    (folder / "data/a b").mkdir(parents=True)
    (folder / "README.md").write_text("# Hello\n")
    (folder / "data/x.parquet").write_bytes(bytes(range(200)))
    (folder / "data/a b/ü%.tar").write_bytes(b"tar")
    hub.add(REPO, folder)
    return hub


@pytest.fixture
def api(served):
    return HfApi(endpoint=served.endpoint, token=False)


def get(hub, path, method="GET", timeout_s=10, **headers):
    connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=timeout_s)
    try:
        connection.request(method, path, headers={name.title(): text for name, text in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def download(hub, tmp_path, name, token=False):
    cache = tmp_path / "cache"
    path = hf_hub_download(
        REPO, name, repo_type="dataset", endpoint=hub.endpoint, cache_dir=cache, token=token
    )
    return Path(path).read_bytes()


def test_a_repo_is_listed_and_described(api):
    files = {"README.md", "data/x.parquet", "data/a b/ü%.tar"}
    assert {each.rfilename for each in api.dataset_info(REPO).siblings} == files
    tree = {each.path for each in api.list_repo_tree(REPO, recursive=True, repo_type="dataset")}
    assert tree == files | {"data", "data/a b"}
    inner = api.list_repo_tree(REPO, "data/a b", repo_type="dataset", expand=True)
    assert [(each.path, each.last_commit.title) for each in inner] == [("data/a b/ü%.tar", "Upload data")]
    found = api.get_paths_info(REPO, ["data", "data/x.parquet", "none"], repo_type="dataset")
    assert [(each.path, getattr(each, "size", None)) for each in found] == [
        ("data", None),
        ("data/x.parquet", 200),
    ]
    assert found[1].lfs.sha256 == "1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f"


def test_listings_have_pages(hub, tmp_path):
    (tmp_path / "one").write_bytes(b"1")
    names = {f"data/{n % 7}/{n}.parquet": tmp_path / "one" for n in range(2500)}
    (tmp_path / "empty").mkdir()
    hub.add(REPO, tmp_path / "empty", more_files=names)
    api = HfApi(endpoint=hub.endpoint, token=False)
    listed = [each.path for each in api.list_repo_tree(REPO, recursive=True, repo_type="dataset")]
    assert len(listed) == len(set(listed)) == 2500 + 8
    assert hub.requests["tree"] == 3


def test_names_below():
    files = ["a", "b/c", "b/d/e", "bb/f"]
    assert names_below(files, "", recursive=False) == ["a", "b/", "bb/"]
    assert names_below(files, "", recursive=True) == ["a", "b/", "b/c", "b/d/", "b/d/e", "bb/", "bb/f"]
    assert names_below(files, "b", recursive=False) == ["b/c", "b/d/"]
    assert names_below(files, "c", recursive=True) == []


@pytest.mark.parametrize("redirects", [False, True])
def test_files_come_whole(served, tmp_path, redirects):
    served.redirects = redirects
    served.repos[REPO].token = "hf_right"
    assert download(served, tmp_path, "data/x.parquet", "hf_right") == bytes(range(200))
    assert download(served, tmp_path, "data/a b/ü%.tar", "hf_right") == b"tar"
    assert download(served, tmp_path, "README.md", "hf_right") == b"# Hello\n"
    kinds = {"file HEAD": 3, "cdn GET": 2, "file GET": 1} if redirects else {"file HEAD": 3, "file GET": 3}
    assert served.requests == kinds
    assert served.nbytes == 211


@pytest.mark.parametrize(
    ("wanted", "status", "start", "stop"),
    [
        (None, 200, 0, 200),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=190-", 206, 190, 200),
        ("bytes=190-900", 206, 190, 200),
        ("bytes=-5", 206, 195, 200),
        ("bytes=-900", 206, 0, 200),
        ("bytes=200-", 416, 0, 0),
    ],
)
def test_ranges(served, wanted, status, start, stop):
    response, data = get(served, f"{PATH}/data/x.parquet", **({"range": wanted} if wanted else {}))
    assert (response.status, data) == (status, bytes(range(start, stop)))
    length = f"bytes {start}-{stop - 1}/200" if status == 206 else "bytes */200" if status == 416 else None
    assert response.headers["Content-Range"] == length


def test_polars_reads_a_file(hub, tmp_path):
    pl.DataFrame({"n": range(1000)}).write_parquet(tmp_path / "x.parquet")
    hub.add(REPO, tmp_path)
    hub.redirects = True
    found = pl.scan_parquet(f"{hub.endpoint}{PATH}/x.parquet").filter(pl.col("n") > 990).collect()
    assert found["n"].to_list() == list(range(991, 1000))
    assert hub.requests["cdn GET"]


def test_the_content_network_refuses_the_token(served):
    served.redirects = True
    response, _ = get(served, f"{PATH}/data/x.parquet", "HEAD")
    place = urlsplit(response.headers["Location"])
    assert (response.status, response.headers["X-Linked-Size"], place.hostname) == (302, "200", "localhost")
    assert get(served, place.path)[1] == bytes(range(200))
    assert get(served, place.path, authorization="Bearer hf_right")[0].status == 400
    assert served.requests["leaked token"] == 1


def test_what_is_not_there(api, served, tmp_path):
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("org/other")
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(REPO, revision="refs/convert/parquet")
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree(REPO, "none", repo_type="dataset"))
    with pytest.raises(RemoteEntryNotFoundError):
        download(served, tmp_path, "none.txt")
    assert get(served, f"{PATH}/../../../../../../conftest.py")[0].status == 404


def test_refusals(served):
    served.repos[REPO].token = "hf_right"
    for token in (False, "hf_wrong"):
        with pytest.raises(GatedRepoError):
            HfApi(endpoint=served.endpoint, token=token).dataset_info(REPO)
    served.repos[REPO].refusal = "private"
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=served.endpoint, token=False).dataset_info(REPO)
    assert HfApi(endpoint=served.endpoint, token="hf_right").dataset_info(REPO).id == REPO


def test_faults_hit_the_requests_they_name(served):
    path = f"{PATH}/data/x.parquet"
    served.fail(503, "*/x.parquet", method="GET", first=2, retry_after=7)
    answers = [get(served, path)[0] for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 503, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert get(served, f"{PATH}/README.md")[0].status == 200
    served.fail(500, times=2)
    served.heal()
    assert get(served, path)[0].status == 200


def test_faults_of_contents(served):
    path = f"{PATH}/data/x.parquet"
    whole = bytes(range(200))
    served.fail("flip", "*.parquet")
    assert get(served, path)[1] == whole[:100] + bytes([101]) + whole[101:]
    served.fail("short", "*.parquet")
    response, data = get(served, path, range="bytes=100-199")
    assert (response.headers["Content-Range"], data) == ("bytes 100-149/200", whole[100:150])
    served.fail("truncated", "*.parquet")
    with pytest.raises(http.client.IncompleteRead):
        get(served, path)
    served.fail("reset", "*.parquet")
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        get(served, path)
    served.fail("hang", "*.parquet", seconds=60)
    with pytest.raises(TimeoutError):
        get(served, path, timeout_s=0.2)
    assert get(served, path)[1] == whole


def test_a_refusal_by_fault_is_an_error_of_the_client(api, served):
    served.fail(500)
    with pytest.raises(HfHubHTTPError):
        api.dataset_info(REPO)
