"""A small Hub for the tests: enough of its HTTP API for the real clients, over a folder, with counts.

It serves one dataset repo: repo info, tree listings, paths-info, and files with Range, ETag and the headers
that ``huggingface_hub`` reads. A repo with a token is gated: without it the answers are those of the Hub.
"""

import hashlib
import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """A running server; ``requests`` counts by kind, ``nbytes`` the bytes of file contents sent."""

    def __init__(self, folder: Path, repo_id: str, token: str | None = None) -> None:
        self.folder, self.repo_id, self.token = folder, repo_id, token
        self.requests: Counter[str] = Counter()
        self.nbytes = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def entries(self, path: str, recursive: bool) -> list[dict[str, object]] | None:
        top = self.folder / path
        if not top.is_dir():
            return None
        found = sorted(top.rglob("*") if recursive else top.iterdir())
        return [self.entry(item) for item in found]

    def entry(self, item: Path) -> dict[str, object]:
        path = item.relative_to(self.folder).as_posix()
        oid = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
        if item.is_dir():
            return {"type": "directory", "oid": oid, "size": 0, "path": path}
        return {"type": "file", "oid": oid, "size": item.stat().st_size, "path": path}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        url = urlsplit(self.path)
        path = unquote(url.path).strip("/")
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.hub.requests["refused"] += 1
            return self.fail(401, "GatedRepo", "Access to this dataset is restricted.")
        api, files = f"api/datasets/{self.hub.repo_id}", f"datasets/{self.hub.repo_id}/resolve/"
        if path.startswith(files):
            return self.send_file(path.removeprefix(files).partition("/")[2])
        if path != api and not path.startswith(f"{api}/"):
            return self.fail(404, "RepoNotFound", "Repository not found")
        return self.answer_api(path.removeprefix(api).strip("/"), parse_qs(url.query), body)

    def answer_api(self, path, query, body):
        kind, _, rest = path.partition("/")
        inner = rest.partition("/")[2]
        if kind in ("", "revision"):
            self.hub.requests["info"] += 1
            files = [
                {"rfilename": entry["path"]}
                for entry in self.hub.entries("", True)
                if entry["type"] == "file"
            ]
            return self.send_json({"id": self.hub.repo_id, "sha": COMMIT, "siblings": files, "tags": []})
        if kind == "tree":
            self.hub.requests["tree"] += 1
            entries = self.hub.entries(
                inner, query.get("recursive") == ["True"] or query.get("recursive") == ["true"]
            )
            return (
                self.fail(404, "EntryNotFound", "no folder") if entries is None else self.send_json(entries)
            )
        if kind == "paths-info":
            self.hub.requests["paths-info"] += 1
            wanted = parse_qs(body.decode()).get("paths") or json.loads(body or "{}").get("paths", [])
            found = [self.hub.folder / name for name in wanted]
            return self.send_json([self.hub.entry(item) for item in found if item.exists()])
        return self.fail(404, "EntryNotFound", path)

    def send_file(self, path):
        file = self.hub.folder / path
        self.hub.requests[f"file {self.command}"] += 1
        if not file.is_file():
            return self.fail(404, "EntryNotFound", path)
        data = file.read_bytes()
        headers = {
            "ETag": f'"{self.hub.entry(file)["oid"]}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        status = 200
        wanted = self.headers.get("Range")
        if wanted and wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last) if last else len(data) - 1, len(data) - 1)
            headers["Content-Range"] = f"bytes {begin}-{end}/{len(data)}"
            data, status = data[begin : end + 1], 206
        return self.send(status, data, "application/octet-stream", headers)

    def send_json(self, value):
        self.send(200, json.dumps(value).encode(), "application/json", {"X-Repo-Commit": COMMIT})

    def fail(self, status, code, message):
        body = json.dumps({"error": message}).encode()
        self.send(status, body, "application/json", {"X-Error-Code": code, "X-Error-Message": message})

    def send(self, status, data, kind, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.hub.nbytes += len(data) if kind == "application/octet-stream" else 0
            self.wfile.write(data)
