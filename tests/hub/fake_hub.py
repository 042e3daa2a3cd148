"""A model hub on this machine: the part of the hub's HTTP interface that fetching and pushing a model use.

What it answers follows the client's own code (huggingface_hub 2.4): repositories with branches and commits, regular
files inside a commit, weights as LFS objects, ETags, error codes in `X-Error-Code`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_owner"


@dataclass
class Repository:
    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        sha = hashlib.sha1(f"{len(self.commits)}".encode(), usedforsecurity=False).hexdigest()
        self.commits[sha], self.branches[branch] = files, sha
        return sha

    def sha(self, revision: str) -> str | None:
        return self.branches.get(revision, revision if revision in self.commits else None)

    def files(self, revision: str = "main") -> dict[str, bytes]:
        return self.commits[self.branches[revision]]


@dataclass
class FakeHub:
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def add(self, repo_id: str, files: dict[str, bytes], **options: bool) -> Repository:
        repository = self.repositories[repo_id] = Repository(**options)
        repository.commit("main", files)
        return repository

    def downloads(self) -> list[str]:
        return [request.split("/")[-1] for request in self.requests if re.match(r"GET .*/resolve/", request)]


class _RefusedError(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def _answer(self) -> None:
        path, sent = unquote(urlsplit(self.path).path), self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append(f"{self.command} {path}")
        try:
            self._route(f"{self.command} {path}", sent)
        except _RefusedError as refused:
            self._send(b"{}", refused.status, {"X-Error-Code": refused.code, "X-Error-Message": refused.code})

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815  # the server looks for these names

    def _route(self, request: str, sent: bytes) -> None:
        for pattern, method in _ROUTES.items():
            if match := re.fullmatch(pattern, request):
                return method(self, sent, **match.groupdict())
        raise _RefusedError(501, f"the fake hub knows no {request}")

    def _send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def _is_owner(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repository(self, repo: str) -> Repository:
        repository = self.hub.repositories.get(repo)
        if repository is None or (repository.private and not self._is_owner()):
            raise _RefusedError(404, "RepoNotFound")
        return repository

    def _owned(self, repo: str) -> Repository:
        if not self._is_owner():
            raise _RefusedError(403, "Forbidden")
        return self._repository(repo)

    def _sha(self, repo: str, revision: str) -> str:
        sha = self._repository(repo).sha(revision)
        if sha is None:
            raise _RefusedError(404, "RevisionNotFound")
        return sha

    def create(self, sent: bytes) -> None:
        asked = json.loads(sent)
        if not self._is_owner():
            raise _RefusedError(401, "Unauthorized")
        repo_id = f"{asked['organization']}/{asked['name']}"
        known = repo_id in self.hub.repositories
        if not known:
            is_private = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.hub.add(repo_id, {".gitattributes": b""}, private=is_private)
        self._json({"url": f"{self.hub.url}/{repo_id}"}, 409 if known else 200)

    def branch(self, sent: bytes, repo: str, revision: str) -> None:
        repository = self._owned(repo)
        repository.branches.setdefault(revision, repository.branches["main"])
        self._json({})

    def info(self, sent: bytes, repo: str, revision: str = "main") -> None:
        sha = self._sha(repo, revision)
        names = [{"rfilename": name} for name in self._repository(repo).commits[sha]]
        self._json(
            {"id": repo, "sha": sha, "siblings": names, "private": False, "downloads": 0, "likes": 0, "tags": []}
        )

    def tree(self, sent: bytes, repo: str, revision: str) -> None:
        files = self._repository(repo).commits[self._sha(repo, revision)]
        self._json(
            [
                {"type": "file", "path": name, "size": len(content), "oid": _oid(content)}
                for name, content in files.items()
            ]
        )

    def resolve(self, sent: bytes, repo: str, revision: str, name: str) -> None:
        repository, sha = self._repository(repo), self._sha(repo, revision)
        if repository.gated and not self._is_owner():
            raise _RefusedError(403, "GatedRepo")
        content = repository.commits[sha].get(name)
        if content is None:
            raise _RefusedError(404, "EntryNotFound")
        self._send(content, headers={"ETag": f'"{_oid(content)}"', "X-Repo-Commit": sha})

    def check_yaml(self, sent: bytes) -> None:
        self._json({"errors": [], "warnings": []})

    def preupload(self, sent: bytes, repo: str, revision: str) -> None:
        self._owned(repo)
        names = [file["path"] for file in json.loads(sent)["files"]]
        modes = [
            {"path": name, "uploadMode": "lfs" if name.endswith(".safetensors") else "regular", "shouldIgnore": False}
            for name in names
        ]
        self._json({"files": modes})

    def lfs_batch(self, sent: bytes, repo: str) -> None:
        self._owned(repo)
        objects = [
            {**wanted, "actions": {"upload": {"href": f"{self.hub.url}/objects/{wanted['oid']}"}}}
            for wanted in json.loads(sent)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def put_object(self, sent: bytes, oid: str) -> None:
        self.hub.objects[oid] = sent
        self._json({})

    def commit(self, sent: bytes, repo: str, revision: str) -> None:
        repository = self._owned(repo)
        files = dict(repository.files(revision))
        for line in sent.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        sha = repository.commit(revision, files)
        self._json({"commitUrl": f"{self.hub.url}/{repo}/commit/{sha}", "commitOid": sha, "pullRequestUrl": None})


def _oid(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_REVISION = r"(?P<revision>[\w.-]+)"
_ROUTES = {
    r"POST /api/repos/create": _Handler.create,
    r"POST /api/validate-yaml": _Handler.check_yaml,
    rf"POST /api/models/{_REPO}/branch/{_REVISION}": _Handler.branch,
    rf"GET /api/models/{_REPO}(/revision/{_REVISION})?": _Handler.info,
    rf"GET /api/models/{_REPO}/tree/{_REVISION}": _Handler.tree,
    rf"POST /api/models/{_REPO}/preupload/{_REVISION}": _Handler.preupload,
    rf"POST /api/models/{_REPO}/commit/{_REVISION}": _Handler.commit,
    rf"POST /{_REPO}\.git/info/lfs/objects/batch": _Handler.lfs_batch,
    r"PUT /objects/(?P<oid>\w+)": _Handler.put_object,
    rf"(GET|HEAD) /{_REPO}/resolve/{_REVISION}/(?P<name>.+)": _Handler.resolve,
}


@contextmanager
def serving() -> Iterator[FakeHub]:
    """Serve an empty hub until the block is left."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_OfThisHub", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
