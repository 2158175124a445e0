"""The side of the test Hub that takes files: repos are made, files offered, stored and committed."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from hub.answers import Answer, Request, failure, json_answer
from hub.repos import Repo, file_facts, is_lfs
from hub.server import Hub

_REPO = r"(?P<repo>[^/]+/[^/]+)"


class Uploads:
    """An extension of a `Hub`; what it stores lies below a folder.

    Attributes
    ----------
    commits : list of (str, list of str)
        Message and paths of each commit; those that it removed have a ``-`` before them.
    """

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._hub, self._folder = hub, folder
        self.commits: list[tuple[str, list[str]]] = []
        self._routes: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
            ("POST", "api/repos/create", self._create),
            ("POST", "api/validate-yaml", self._validate),
            ("POST", rf"api/datasets/{_REPO}/preupload/main", self._preupload),
            ("POST", rf"datasets/{_REPO}\.git/info/lfs/objects/batch", self._offer),
            ("PUT", r"lfs/(?P<oid>[0-9a-f]{64})", self._store),
            ("POST", rf"api/datasets/{_REPO}/commit/main", self._commit),
        )
        hub.extensions.append(self)

    def __call__(self, request: Request) -> Answer | None:
        """Answer what is about uploads."""
        for method, pattern, answer in self._routes:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                parts = found.groupdict()
                if "repo" in parts:
                    if parts["repo"] not in self._hub.repos:
                        return failure(404, "RepoNotFound", "Repository not found")
                    parts["repo"] = self._hub.repos[parts["repo"]]
                return answer(request, **parts)
        return None

    def _create(self, request: Request) -> Answer:
        wanted = json.loads(request.body)
        repo_id = f"{wanted['organization']}/{wanted['name']}"
        url = f"{request.endpoint}/datasets/{repo_id}"
        if repo_id in self._hub.repos:
            return json_answer("create", {"error": "You already created this dataset repo", "url": url}, 409)
        folder = self._folder / repo_id
        folder.mkdir(parents=True)
        options: dict[str, Any] = {}
        if wanted.get("private") or wanted.get("visibility") == "private":
            options = {"token": request.headers["Authorization"].split()[1], "refusal": "private"}
        self._hub.add(repo_id, folder, **options)
        return json_answer("create", {"url": url, "id": repo_id, "private": wanted.get("private", False)})

    def _validate(self, request: Request) -> Answer:
        front = json.loads(request.body)["content"].split("---\n")[1]
        try:
            valid = isinstance(yaml.safe_load(front), dict)
        except yaml.YAMLError:
            valid = False
        errors = [] if valid else [{"message": "the YAML cannot be read"}]
        return json_answer("validate", {"errors": errors, "warnings": []}, 200 if valid else 400)

    def _preupload(self, request: Request, repo: Repo) -> Answer:
        files = [self._mode(repo, file["path"]) for file in json.loads(request.body)["files"]]
        return json_answer("preupload", {"files": files})

    def _mode(self, repo: Repo, path: str) -> dict[str, Any]:
        there = repo.file(path)
        facts = file_facts(path, there) if there else {}
        oid = facts.get("lfs", facts).get("oid")
        mode = "lfs" if is_lfs(path) else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    def _offer(self, request: Request, repo: Repo) -> Answer:
        objects = []
        for wanted in json.loads(request.body)["objects"]:
            upload = {"upload": {"href": f"{request.endpoint}/lfs/{wanted['oid']}"}}
            stored = self._object(wanted["oid"]).exists()
            objects.append(wanted if stored else wanted | {"actions": upload})
        return json_answer("offer", {"transfer": "basic", "objects": objects})

    def _store(self, request: Request, oid: str) -> Answer:
        if hashlib.sha256(request.body).hexdigest() != oid:
            return failure(400, "", "these bytes have another hash")
        self._object(oid).parent.mkdir(exist_ok=True)
        self._object(oid).write_bytes(request.body)
        return json_answer("upload", {})

    def _commit(self, request: Request, repo: Repo) -> Answer:
        message, paths = "", []
        for line in request.body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            if operation["key"] == "header":
                message = value["summary"]
                continue
            target = repo.folder / value["path"]
            if operation["key"] == "deletedFile":
                target.unlink()
                paths.append(f"-{value['path']}")
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            lfs = operation["key"] == "lfsFile"
            data = self._object(value["oid"]).read_bytes() if lfs else base64.b64decode(value["content"])
            target.write_bytes(data)
            paths.append(value["path"])
        self.commits.append((message, paths))
        repo.commit = hashlib.sha1(request.body, usedforsecurity=False).hexdigest()
        url = f"{request.endpoint}/datasets/{repo.repo_id}/commit/{repo.commit}"
        return json_answer("commit", {"commitUrl": url, "commitOid": repo.commit, "success": True})

    def _object(self, oid: str) -> Path:
        return self._folder / ".objects" / oid
