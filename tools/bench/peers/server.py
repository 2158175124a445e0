"""A server of files on the loopback with latency, a limit of bandwidth and faults, in a process of its own.

It answers GET and HEAD with ranges and keeps connections, which is enough for HTTP clients and for readers of
objects of S3 with the first folder as bucket.
"""

import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

_PIECE_BYTES: Final = 128 << 10
_FIRST_FAULT: Final = 3
_LATE_S: Final = 0.02
"""A sleep that takes this much too long costs no bandwidth."""
_FAULTS: Final = (500, 503)


@dataclass(frozen=True)
class Network:
    """What lies between the reader and the files.

    Attributes
    ----------
    latency_s : float
        Before each answer.
    bytes_per_s : float, optional
        For all connections together.
    fault_every : int
        Each so many requests one is refused, with 500 and 503 by turns, from the third on; 0 for none.
    """

    latency_s: float = 0.0
    bytes_per_s: float | None = None
    fault_every: int = 0


class Traffic(NamedTuple):
    """What was asked for and sent: requests, faults among them, bytes of bodies."""

    requests: int = 0
    faults: int = 0
    nbytes: int = 0


class FileServer:
    """Serves the files below a folder while it is a context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._control, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._folder, theirs), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{self._control.recv()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._control.send(None)
        self._process.join()

    def begin(self, network: Network) -> None:
        """Change the network, and count from zero."""
        self._control.send(network)
        self._control.recv()

    def traffic(self) -> Traffic:
        """Return what was asked for and sent since `begin`."""
        self._control.send("traffic")
        return self._control.recv()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder.resolve()
        self.lock = threading.Lock()
        self.network = Network()
        self.traffic = Traffic()
        self._free_at = 0.0

    def begin(self, network: Network) -> None:
        with self.lock:
            self.network, self.traffic, self._free_at = network, Traffic(), 0.0

    def next_fault(self) -> int | None:
        """Count a request; return the status with which to refuse it, if it is its turn."""
        with self.lock:
            number, faults, nbytes = self.traffic
            every = self.network.fault_every
            fault = bool(every) and number + 1 >= _FIRST_FAULT and (number + 1 - _FIRST_FAULT) % every == 0
            self.traffic = Traffic(number + 1, faults + fault, nbytes)
            return _FAULTS[faults % len(_FAULTS)] if fault else None

    def wait_for_turn(self, nbytes: int) -> None:
        """Wait until the line has room for so many bytes more."""
        with self.lock:
            self.traffic = self.traffic._replace(nbytes=self.traffic.nbytes + nbytes)
            if self.network.bytes_per_s is None:
                return
            now = time.monotonic()
            begin = max(now - _LATE_S, self._free_at)
            self._free_at = begin + nbytes / self.network.bytes_per_s
            until = self._free_at
        time.sleep(max(0.0, until - now))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        fault = self.server.next_fault()
        time.sleep(self.server.network.latency_s)
        if fault is None:
            self._give(body=body)
        else:
            self._short(fault)

    def _give(self, *, body: bool) -> None:
        path = (self.server.folder / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
        if not path.is_relative_to(self.server.folder) or not path.is_file():
            self._short(404)
            return
        with path.open("rb") as file:
            total = os.fstat(file.fileno()).st_size
            start, stop = self._range(total)
            if start >= stop and total:
                self._short(416, {"Content-Range": f"bytes */{total}"})
                return
            self.send_response(206 if "Range" in self.headers else 200)
            self._headers(stop - start)
            if "Range" in self.headers:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
            self.send_header("ETag", f'"{total:x}"')
            self.send_header("Last-Modified", self.date_time_string(int(os.fstat(file.fileno()).st_mtime)))
            self.end_headers()
            if body:
                self._send(file.fileno(), start, stop)

    def _range(self, total: int) -> tuple[int, int]:
        unit, _, value = self.headers.get("Range", "").partition("=")
        first, dash, last = value.partition("-")
        if unit != "bytes" or not dash:
            return 0, total
        if not first:
            return max(0, total - int(last)), total
        return int(first), min(int(last) + 1, total) if last else total

    def _send(self, file: int, start: int, stop: int) -> None:
        try:
            while start < stop:
                piece = min(_PIECE_BYTES, stop - start)
                self.server.wait_for_turn(piece)
                while piece:
                    sent = os.sendfile(self.connection.fileno(), file, start, piece)
                    start, piece = start + sent, piece - sent
        except (BrokenPipeError, ConnectionResetError):  # the client has had enough
            self.close_connection = True

    def _short(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self._headers(0)
        self.end_headers()

    def _headers(self, nbytes: int) -> None:
        self.send_header("Content-Length", str(nbytes))
        self.send_header("Accept-Ranges", "bytes")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _serve(folder: Path, control: Connection) -> None:
    server = _Server(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    control.send(server.server_address[1])
    while (wish := control.recv()) is not None:
        if isinstance(wish, Network):
            server.begin(wish)
            control.send(None)
        else:
            control.send(server.traffic)
