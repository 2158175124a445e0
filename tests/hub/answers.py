"""What the test Hub answers: its HTTP API as functions of a request and the repos."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode

from hub.repos import Repo, file_facts, is_lfs, names_below

PAGE_ENTRIES: Final = 1000
PAGE_ENTRIES_EXPANDED: Final = 50


@dataclass(frozen=True)
class Request:
    """A request; `path` is that of the URL as it came, quoted, without slashes at its ends."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    endpoint: str
    """URL of the server."""


class Part(NamedTuple):
    """Bytes of a file, sent without being read whole."""

    file: Path
    start: int
    stop: int

    def read(self) -> bytes:
        """All of them."""
        with self.file.open("rb") as handle:
            handle.seek(self.start)
            return handle.read(self.stop - self.start)


@dataclass(frozen=True)
class Answer:
    """An answer, and what it is counted as."""

    status: int = 200
    body: bytes | Part = b""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "other"

    @property
    def nbytes(self) -> int:
        """Length of the body."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.stop - self.body.start


Extension = Callable[[Request], Answer | None]
"""A further part of the Hub's API; None for requests that are not its own."""


def json_answer(kind: str, value: object, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON; headers are written with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | named, kind)


def failure(status: int, code: str, message: str, kind: str = "not found") -> Answer:
    """Answer as the Hub does when it does not give what is asked for; `code` is its ``X-Error-Code``."""
    codes = {"X_Error_Code": code} if code else {}
    return json_answer(kind, {"error": message}, status, X_Error_Message=message, **codes)


def downloads(repos: Mapping[str, Repo], request: Request, content_network: str | None) -> Answer:
    """Answer all that concerns reading; large files are on the content network where there is one."""
    if request.path.startswith("cdn/"):
        return _from_content_network(repos, request)
    if request.path == "api/agent-harnesses":  # huggingface_hub asks once a day, and keeps it in HF_HOME
        return json_answer("agent-harnesses", {"standardEnvVars": [], "harnesses": {}})
    is_api = request.path.startswith("api/")
    parts = [unquote(part) for part in request.path.removeprefix("api/").split("/")]
    if parts[0] != "datasets" or len(parts) < 3:
        return failure(404, "", f"no such page: {request.path}")
    repo = repos.get("/".join(parts[1:3]))
    if repo is None:
        return failure(404, "RepoNotFound", "Repository not found")
    if repo.token and request.headers.get("Authorization") != f"Bearer {repo.token}":
        return _refusal(repo, request)
    what, revision, *rest = [*parts[3:], *[""] * max(0, 5 - len(parts))]
    name = "/".join(rest)
    if revision not in ("", "main", repo.commit):
        return failure(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    if what == "resolve" and not is_api:
        return _resolve(repo, request, name, content_network)
    if is_api and what in ("", "revision"):
        return json_answer("info", repo.info(), X_Repo_Commit=repo.commit)
    if is_api and what == "tree":
        return _tree(repo, request, name)
    if is_api and what == "paths-info":
        return _paths_info(repo, request)
    return failure(404, "", f"no such page: {request.path}")


def _refusal(repo: Repo, request: Request) -> Answer:
    has_token = "Authorization" in request.headers
    if repo.refusal == "gated":
        message = f"Access to dataset {repo.repo_id} is restricted"
        return failure(403 if has_token else 401, "GatedRepo", message, "refused")
    return failure(404 if has_token else 401, "RepoNotFound", "Repository not found", "refused")


def _tree(repo: Repo, request: Request, folder: str) -> Answer:
    expand, recursive = (request.query.get(key, "").lower() == "true" for key in ("expand", "recursive"))
    names = names_below(repo.files(), folder, recursive=recursive)
    if folder and not names:
        return failure(404, "EntryNotFound", f"{folder} does not exist on main", "tree")
    begin = int(request.query.get("cursor", 0))
    end = begin + (PAGE_ENTRIES_EXPANDED if expand else PAGE_ENTRIES)
    headers = {"X_Repo_Commit": repo.commit}
    if end < len(names):
        query = urlencode(request.query | {"cursor": str(end)})
        headers["Link"] = f'<{request.endpoint}/{request.path}?{query}>; rel="next"'
    return json_answer("tree", [repo.entry(name, expand=expand) for name in names[begin:end]], **headers)


def _paths_info(repo: Repo, request: Request) -> Answer:
    form = parse_qs(request.body.decode())
    expand = form.get("expand", [""])[0].lower() == "true"
    known = set(names_below(repo.files(), "", recursive=True))
    paths = (path.rstrip("/") for path in form.get("paths", []))
    names = (name for path in paths for name in (path, f"{path}/") if name in known)
    return json_answer(
        "paths-info", [repo.entry(name, expand=expand) for name in names], X_Repo_Commit=repo.commit
    )


def _resolve(repo: Repo, request: Request, name: str, content_network: str | None) -> Answer:
    kind = f"file {request.method}"
    path = repo.file(name)
    if path is None:
        return failure(404, "EntryNotFound", f"{name} does not exist", kind)
    facts = file_facts(name, path)
    etag = f'"{facts["lfs"]["oid"] if "lfs" in facts else facts["oid"]}"'
    headers = {
        "X-Repo-Commit": repo.commit,
        "ETag": etag,
        "X-Linked-ETag": etag,
        "X-Linked-Size": str(facts["size"]),
    }
    if content_network and is_lfs(name):
        location = f"{content_network}/cdn/{repo.repo_id}/{quote(name)}"
        return Answer(302, b"Found", headers | {"Location": location}, kind)
    return _contents(kind, path, request, headers)


def _from_content_network(repos: Mapping[str, Repo], request: Request) -> Answer:
    if "Authorization" in request.headers:  # the token is for the Hub alone; storage services answer so
        return failure(400, "", "Only one auth mechanism allowed", "leaked token")
    _, organisation, name, path = request.path.split("/", 3)
    file = repos[f"{organisation}/{name}"].file(unquote(path))
    kind = f"cdn {request.method}"
    return failure(403, "", "AccessDenied", kind) if file is None else _contents(kind, file, request, {})


def _contents(kind: str, path: Path, request: Request, headers: dict[str, str]) -> Answer:
    size = path.stat().st_size
    headers |= {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    wanted = parse_range(request.headers.get("Range"), size)
    if wanted is None:
        return Answer(200, Part(path, 0, size), headers, kind)
    start, stop = wanted
    if start >= stop:
        return Answer(416, b"", headers | {"Content-Range": f"bytes */{size}"}, kind)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Answer(206, Part(path, start, stop), headers, kind)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte, and the one after the last, that a Range header asks for; None for the whole file."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(int(last) + 1, size) if last else size
