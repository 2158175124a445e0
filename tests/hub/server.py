"""A small Hub for the tests: enough of its HTTP API for the real clients, unpatched.

It serves dataset repos over folders, fails when it is told to, and remembers what it was asked.
"""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from hub.answers import Answer, Extension, Part, Request, downloads
from hub.faults import Fault, FaultKind, Faults, Turns
from hub.repos import Repo


class Exchange(NamedTuple):
    """A request and what came of it."""

    method: str
    path: str
    """Of the URL, quoted."""
    kind: str
    """``info``, ``tree``, ``file GET``, ``file HEAD``, ``cdn GET``, ``refused``, ``fault``, ..."""
    status: int
    nbytes: int
    """Bytes of contents of files in the answer."""


class Hub:
    """A server that runs while it is a context.

    Attributes
    ----------
    endpoint : str
        Its URL, for ``HF_ENDPOINT``.
    repos : dict of Repo
        By id; see `add`.
    redirects : bool
        Whether large files are redirected to another host, as on the Hub.
    latency_s : float
        Seconds that each answer takes at least.
    extensions : list of callable
        Further parts of the API, such as uploads; they are asked first.
    log : list of Exchange
        What it was asked since it was made, or since `forget`.
    """

    def __init__(self, *, redirects: bool = False, latency_s: float = 0.0) -> None:
        self.redirects, self.latency_s = redirects, latency_s
        self.repos: dict[str, Repo] = {}
        self.extensions: list[Extension] = []
        self.log: list[Exchange] = []
        self._faults: Faults | Turns = Faults()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._port = self._server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, repo_id: str, folder: Path, **options: Any) -> Repo:
        """Serve a folder as a dataset repo; options are those of `Repo`."""
        repo = self.repos[repo_id] = Repo(repo_id, folder, **options)
        return repo

    def fail(self, kind: FaultKind | int, path: str = "*", **options: Any) -> None:
        """Let requests go wrong, as a `Fault` says; a number stands for an answer of that status."""
        options |= {"kind": "status", "status": kind} if isinstance(kind, int) else {"kind": kind}
        faults = self._faults = self._faults if isinstance(self._faults, Faults) else Faults()
        faults.add(Fault(path=path, **options))

    def fail_by_turns(self, every: int, faults: Sequence[Fault]) -> Turns:
        """Let every n-th request go wrong, with these faults by turns; return the account of them."""
        turns = self._faults = Turns(every, faults)
        return turns

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._faults = Faults()

    def forget(self) -> None:
        """Begin a new log."""
        self.log = []

    @property
    def requests(self) -> Counter[str]:
        """Number of requests by kind."""
        return Counter(exchange.kind for exchange in list(self.log))

    @property
    def nbytes(self) -> int:
        """Bytes of contents of files that were sent."""
        return sum(exchange.nbytes for exchange in list(self.log))

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        for extension in self.extensions:
            if answer := extension(request):
                return answer
        # Another name of this host is another origin for clients.
        content_network = f"http://localhost:{self._port}" if self.redirects else None
        return downloads(self.repos, request, content_network)

    def exchange(self, request: Request) -> tuple[Answer, Fault | None]:
        """Answer a request, after a while and wrongly where that is wanted, and write it down."""
        began = time.monotonic()
        path = f"/{request.path}"
        fault = self._faults.next(request.method, path, of_contents=False)
        answer = fault.refuse() if fault and fault.kind == "status" else self.answer(request)
        if isinstance(answer.body, Part) and request.method != "HEAD":
            fault = self._faults.next(request.method, path, of_contents=True) or fault
            answer = fault.spoil(answer, answer.body) if fault else answer
        hang_s = fault.seconds if fault else 0.0
        self._closing.wait(max(0.0, self.latency_s + hang_s - (time.monotonic() - began)))
        has_contents = answer.kind in ("file GET", "cdn GET") and answer.status < 300
        nbytes = answer.nbytes if has_contents else 0
        self.log.append(Exchange(request.method, path, answer.kind, answer.status, nbytes))
        return answer, fault


class _Server(ThreadingHTTPServer):
    hub: Hub
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has gone
            super().handle()

    def do_GET(self) -> None:
        self._exchange()

    def do_HEAD(self) -> None:
        self._exchange()

    def do_POST(self) -> None:
        self._exchange()

    def do_PUT(self) -> None:
        self._exchange()

    def _exchange(self) -> None:
        hub = self.server.hub
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, query = url.path.strip("/"), dict(parse_qsl(url.query))
        answer, fault = hub.exchange(Request(self.command, path, query, self.headers, body, hub.endpoint))
        self._send(answer, fault.kind if fault else None)

    def _send(self, answer: Answer, fault: FaultKind | None) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(answer.nbytes)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        breaks = fault in ("reset", "truncated")
        nbytes = answer.nbytes // 2 if breaks else answer.nbytes
        if isinstance(answer.body, Part):
            if nbytes:  # 0 would send all of the file
                with answer.body.file.open("rb") as handle:
                    self.connection.sendfile(handle, answer.body.start, nbytes)
        else:
            self.wfile.write(answer.body)
        if breaks:
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing: `Hub.log` has it."""
