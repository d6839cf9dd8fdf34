"""The two ports: what is asked of them and what they answer."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from tests.fake_hub.faults import Fault
from tests.fake_hub.repos import File, Repo
from tests.fake_hub.state import FakeHub, Port, Request

API = re.compile(
    r"/api/(models|datasets|spaces)/([^/]+(?:/[^/]+)?)/(revision|tree|auth-check|paths-info|xet-read-token)(?:/(.*))?\Z"
)
ABOUT = re.compile(r"/api/(models|datasets|spaces)/([^/]+(?:/[^/]+)?)\Z")
RESOLVE = re.compile(r"/(?:(datasets|spaces)/)?([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)\Z")
SEARCH = re.compile(r"/api/(models|datasets|spaces)\Z")
CACHE = re.compile(r"/api/resolve-cache/(models|datasets|spaces)/(.+)/([0-9a-f]{40})/([^/]+)\Z")
PIECE = 1 << 16
LOGIN = b"<html><body>Please log in to this network</body></html>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go out apart: the second would wait for an acknowledgement
    hub: FakeHub
    port: Port

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        self._begin()

    def do_HEAD(self) -> None:
        self._begin()

    def do_POST(self) -> None:
        self._begin()

    def _begin(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length) if length else b""
        told = {name.lower(): value for name, value in self.headers.items()}
        self.hub.log.append(Request(self.port, self.command, self.path, told, time.monotonic()))
        self.extra: list[tuple[str, str]] = []
        self.fault = self.hub.faults.take(self.port, self.path)
        with suppress(ConnectionError):
            if not self._struck():
                self.handle_request()

    def handle_request(self) -> None:
        raise NotImplementedError

    def _struck(self) -> bool:
        fault = self.fault
        if fault is None:
            return False
        if fault.kind == "status":
            self.answer(fault.status, b"it does not work today", dict(fault.headers))
        elif fault.kind == "redirect":
            self.answer(302, b"", {"Location": fault.location})
        elif fault.kind == "web page":
            self.answer(200, LOGIN, {"Content-Type": "text/html; charset=utf-8"})
        else:
            return False
        return True

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in [*(headers or {}).items(), *self.extra]:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, value: Any, headers: Mapping[str, str] | None = None) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message, "Content-Type": "application/json"}
        if code:
            headers["X-Error-Code"] = code
        self.answer(status, json.dumps({"error": message}).encode(), headers)

    def answer_file(self, file: File, headers: dict[str, str]) -> None:
        """The file or a range of it, with what goes wrong."""
        total, fault = file.size, self.fault or Fault(self.port, "status")
        asked = re.match(r"bytes=(\d+)-(\d*)\Z", self.headers.get("range") or "")
        status, first, last = 200, 0, total - 1
        if asked and fault.kind != "ignore range":
            first = int(asked[1])
            last = min(int(asked[2] or total), total - 1)
            if first >= total:
                self.answer(416, b"", {"Content-Range": f"bytes */{total}"})
                return
            if fault.kind == "wrong start":
                first, last = first + 1, last + 1
            status = 206
            told = total + 1 if fault.kind == "wrong total" else total
            if fault.kind != "no content range":
                headers["Content-Range"] = f"bytes {first}-{last}/{told}"
        body = file.read(first, last + 1 - first)
        if fault.kind == "corrupt" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if fault.kind == "gzip":
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if fault.kind == "labelled gzip":
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, value in [*headers.items(), *self.extra]:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self._send(body, fault)

    def _send(self, body: bytes, fault: Fault) -> None:
        if fault.kind in {"stall", "cut", "reset", "later 403"}:
            self.wfile.write(body[: fault.after])
            self.wfile.flush()
            self.hub.sent[self.port] += min(len(body), fault.after)
            if fault.kind == "reset":  # RFC 9293 section 3.10.7: what is under way is thrown away, too
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            if fault.kind == "stall":
                self.hub.stopped.wait(60)
            if fault.kind == "later 403":
                self.hub.refuse_url(self.path)
            self.close_connection = True
            return
        if fault.kind == "trickle":
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                self.wfile.flush()
                if self.hub.stopped.wait(0.05):
                    return
        for at in range(0, len(body), PIECE):
            piece = body[at : at + PIECE]
            self.wfile.write(piece)
            self.hub.sent[self.port] += len(piece)


class HubHandler(Handler):
    port = "hub"

    def handle_request(self) -> None:
        path = urlsplit(self.path).path
        allowed, self.extra = self.hub.charge("resolvers" if "/resolve/" in path else "api")
        if not allowed:
            self.refuse(429, "", "We had to rate limit you")
            return
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ").strip()
        self.account = self.hub.accounts.get(token)
        if token and self.account is None:
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif path == "/api/whoami-v2":
            self._whoami()
        elif found := SEARCH.match(path):
            self._search(found[1])
        elif found := CACHE.match(path):
            self._cached(found)
        elif found := API.match(path):
            repo = self._repo(found[1], unquote(found[2]))
            if repo is not None:
                getattr(self, "_" + found[3].replace("-", "_"))(repo, found[4] or "")
        elif found := ABOUT.match(path):
            repo = self._repo(found[1], unquote(found[2]))
            if repo is not None:
                self._revision(repo, "main")
        elif found := RESOLVE.match(path):
            repo = self._repo(found[1] or "models", unquote(found[2]))
            if repo is not None:
                self._resolve(repo, unquote(found[3]), unquote(found[4]))
        else:
            self.refuse(404, "", "Sorry, we can't find the page you are looking for.")

    def _repo(self, kind: str, name: str) -> Repo | None:
        """The repository if this account may know of it; refused otherwise, and led on when it has another name
        now."""
        if new := self.hub.renamed.get((kind, name)):
            self.answer(307, b"Temporary Redirect", {"Location": self.path.replace(name, new, 1)})
            return None
        repo = self.hub.repos.get((kind, name))
        sees = self.account.sees if self.account else frozenset()
        if repo is None or (repo.private and name not in sees):
            # without a token the Hub does not tell a missing repository from a private one
            self.refuse(404 if self.account else 401, "RepoNotFound", "Repository not found")
            return None
        if repo.disabled:
            self.refuse(403, "", "Access to this resource is disabled.")
            return None
        return repo

    def _may_read(self, repo: Repo) -> bool:
        if not repo.gated or (self.account and repo.id in self.account.accepted):
            return True
        where = f"{self.hub.endpoint}/{repo.id}"
        self.refuse(
            403 if self.account else 401, "GatedRepo", f"Access to {repo.id} is restricted. Visit {where}"
        )
        return False

    def _sha(self, repo: Repo, revision: str) -> str:
        sha = repo.sha_of(revision)
        if not sha:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    def _whoami(self) -> None:
        if self.account is None:
            self.refuse(401, "", "Invalid username or password.")
        else:
            self.answer_json({"type": "user", "name": self.account.name, "orgs": []})

    def _auth_check(self, repo: Repo, _rest: str) -> None:
        if self._may_read(repo):
            self.answer(200, b"")

    def _search(self, kind: str) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        words = asked.get("search", "").lower()
        sees = self.account.sees if self.account else frozenset()
        found = [
            repo.told()
            for (its_kind, name), repo in self.hub.repos.items()
            if its_kind == kind and words in name.lower() and (not repo.private or name in sees)
        ]
        found.sort(key=lambda row: -row["downloads"])
        self.answer_json(found[: int(asked.get("limit", "1000"))])

    def _xet_read_token(self, repo: Repo, rest: str) -> None:
        if not self._may_read(repo) or not self._sha(repo, unquote(rest)):
            return
        if not self.hub.xet_store:
            self.refuse(404, "", "Not found")
            return
        ends = int(time.time()) + self.hub.xet_seconds
        told = {"accessToken": f"xet-{repo.id}", "exp": ends, "casUrl": self.hub.xet_store}
        names = ("X-Xet-Access-Token", "X-Xet-Token-Expiration", "X-Xet-Cas-Url")
        self.answer_json(told, dict(zip(names, map(str, told.values()), strict=True)))

    def _revision(self, repo: Repo, rest: str) -> None:
        if sha := self._sha(repo, unquote(rest)):
            names = [{"rfilename": path} for path in list(repo.commits[sha])[:2]]  # truncated, as on the Hub
            self.answer_json({
                "id": repo.id, "sha": sha, "private": repo.private, "disabled": repo.disabled,
                "gated": "manual" if repo.gated else False, "siblings": names,
            })  # fmt: skip

    def _paths_info(self, repo: Repo, rest: str) -> None:
        if sha := self._sha(repo, unquote(rest)):
            kind = self.headers.get("content-type") or ""
            asked = json.loads(self.body) if "json" in kind else parse_qs(self.body.decode())
            rows = {row["path"]: row for row in repo.rows(sha, "", recursive=True)}
            self.answer_json([rows[path] for path in asked.get("paths", []) if path in rows])

    def _tree(self, repo: Repo, rest: str) -> None:
        revision, _, folder = rest.partition("/")
        sha = self._sha(repo, unquote(revision))
        if not sha:
            return
        query = dict(parse_qsl(urlsplit(self.path).query))
        folder = unquote(folder).strip("/")
        rows = repo.rows(sha, folder, recursive=query.get("recursive", "").lower() == "true")
        if not rows and folder:
            self.refuse(404, "EntryNotFound", f"{folder} does not exist on {revision}")
            return
        begin = int(query.get("cursor", "c0").removeprefix("c"))
        end = begin + min(int(query.get("limit", "1000")), self.hub.page)
        headers = {}
        if end < len(rows):
            kind = self.fault.kind if self.fault else ""
            query["cursor"] = f"c{begin if kind == 'same next' else end}"
            origin = self.hub.next_links or self.hub.endpoint
            origin = "https://elsewhere.example" if kind == "foreign next" else origin
            headers["Link"] = f'<{origin}{urlsplit(self.path).path}?{urlencode(query)}>; rel="next"'
        self.answer_json(rows[begin:end], headers)

    def _resolve(self, repo: Repo, revision: str, path: str) -> None:
        if not self._may_read(repo):
            return
        sha = self._sha(repo, revision)
        if not sha:
            return
        file = repo.commits[sha].get(path)
        if file is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        told = "0" * 40 if self.fault and self.fault.kind == "other commit" else sha
        headers = {"X-Repo-Commit": told}
        if file.lfs:
            headers |= {
                "X-Linked-Size": str(file.size),
                "X-Linked-ETag": f'"{file.sha256}"',
                "Location": self.hub.signed(file),
            }
            if file.xet:
                token = f"{self.hub.endpoint}/api/{repo.kind}/{repo.id}/xet-read-token/{sha}"
                headers |= {"X-Xet-Hash": file.xet, "Link": f'<{token}>; rel="xet-auth"'}
            self.answer(302, b"Found", headers)
        else:
            cached = f"/api/resolve-cache/{repo.kind}/{repo.id}/{sha}/{quote(path, safe='')}"
            headers["Location"] = f"{cached}?{quote(self.path, safe='')}=&etag=%22{file.git_sha1}%22"
            self.answer(307, b"Temporary Redirect", headers)

    def _cached(self, found: re.Match[str]) -> None:
        repo = self._repo(found[1], found[2])
        if repo is None or not self._may_read(repo):
            return
        file = repo.commits[found[3]].get(unquote(found[4]))
        if file is None or "etag=" not in self.path:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        kind = "text/html" if found[4].endswith(".html") else "text/plain; charset=utf-8"
        headers = {"X-Repo-Commit": found[3], "ETag": f'"{file.git_sha1}"', "Content-Type": kind}
        self.answer_file(file, headers)


class StorageHandler(Handler):
    port = "cdn"

    def handle_request(self) -> None:
        digest = urlsplit(self.path).path.removeprefix("/")
        if not self.hub.is_good(self.path):
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
            return
        file = self.hub.stored(digest)
        if file is None:
            self.answer(404, b"")
            return
        # 64 hex digits as well, and no SHA-256 of the content
        self.answer_file(file, {"ETag": f'"{digest[::-1]}"', "Accept-Ranges": "bytes"})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # clients that hang up


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Both servers, running."""
    hub = FakeHub()
    servers = []
    for base in (HubHandler, StorageHandler):
        server = Server(("127.0.0.1", 0), type(base.__name__, (base,), {"hub": hub}))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
    hub.endpoint, hub.storage = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield hub
    finally:
        hub.stopped.set()
        for server in servers:
            server.shutdown()
            server.server_close()
