"""Servers are asked straight, over connections that are kept, or as the user's environment says."""

import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
import trustme
from hub.server import Hub

from audio_flan.fetch import answers, connections, retry
from audio_flan.fetch.answers import answer_to
from audio_flan.fetch.remote import RemoteFile, fetch_range

DATA = os.urandom(3_000_000)
FETCH = """
import sys
from audio_flan.fetch import retry
from audio_flan.fetch.remote import RemoteFile, fetch_range
retry.ATTEMPTS, retry.seconds_to_wait = 2, lambda error, backoff_s: 0.0
sys.stdout.buffer.write(fetch_range(RemoteFile(sys.argv[1], "x"), 10, 30))
"""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """As many attempts as always, without the waits between them."""
    monkeypatch.setattr(retry, "seconds_to_wait", lambda error, backoff_s: 0.0)


class Place(BaseHTTPRequestHandler):
    """One file, whatever its name; redirects to it, with a body, for names that begin with ``to-``."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        self.server.seen.append((self.path, self.headers))
        name = unquote(self.path.rpartition("/")[2])
        if name.startswith("to-"):
            target = f"/{name.removeprefix('to-')}".encode().decode("latin-1")  # the bytes are UTF-8
            self.answer(302, b"It is over there.", {"Location": target})
            return
        if name.startswith("early-"):
            self.send_response_only(103)
            self.end_headers()
        first, last = (int(end) for end in self.headers["range"].removeprefix("bytes=").split("-"))
        body = DATA[first : last + 1]
        self.answer(206, body, {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{len(DATA)}"})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Proxy(Place):
    """Passes encrypted connections on, and answers what is not encrypted itself."""

    def do_CONNECT(self):
        self.server.seen.append((self.path, self.headers))
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            other = {there: self.connection, self.connection: there}
            while True:
                for ready in select.select([*other], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    other[ready].sendall(data)


def running(handler, context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    server.connections, server.seen = 0, []
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    scheme, port = "http" if context is None else "https", server.server_address[1]
    server.root = f"{scheme}://127.0.0.1:{port}"
    return server


@pytest.fixture
def server():
    server = running(Place)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(monkeypatch):
    """A proxy that wants a password; the environment says that it is to be used."""
    server = running(Proxy)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server.url = f"127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("all_proxy", f"http://me:p%40ss@{server.url}")
    yield server
    server.shutdown()
    server.server_close()
    connections._pools.close()


@pytest.fixture
def authority(tmp_path):
    """A file with the certificate of an authority that nobody else knows, and that authority."""
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return file, authority


@pytest.fixture
def encrypted(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[1].issue_cert("127.0.0.1").configure_cert(context)
    server = running(Place, context)
    yield server
    server.shutdown()
    server.server_close()


def fetch_in_another_process(root, **environment):
    return subprocess.run(
        [sys.executable, "-c", FETCH, root], env=os.environ | environment, capture_output=True, check=False
    )


def test_a_connection_is_used_again(server):
    file = RemoteFile(server.root, "x")
    for start in (0, 10, 2_000_000):
        assert fetch_range(file, start, start + 900_000) == DATA[start : start + 900_000]
    assert fetch_range(RemoteFile(server.root, "to-x"), 5, 10) == DATA[5:10]
    assert (len(server.seen), server.connections) == (5, 1)


def test_one_whose_answer_nobody_wants_is_not(server):
    for _ in range(2):
        with answer_to(f"{server.root}/x", {"range": "bytes=0-2999999"}, by_way_of_hub=False) as answer:
            assert answer.status == 206
            assert len(answer.body(1000)) == 1000
    assert server.connections == 2


def test_one_that_was_idle_for_long_is_not(server, monkeypatch):
    file = RemoteFile(server.root, "x")
    fetch_range(file, 0, 10)
    monkeypatch.setattr(connections, "_IDLE_S", 0.0)
    fetch_range(file, 0, 10)
    assert server.connections == 2


def test_threads_that_begin_together_share_connections():
    connections._pools.close()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: connections.connections(None, is_encrypted=True), range(8)))
    assert len({id(pools) for pools in made}) == 1


def test_a_forked_child_has_connections_of_its_own():
    mine = connections.connections(None, is_encrypted=False)
    with connections._pools._lock:  # as another thread may have it at that moment
        child = os.fork()
        if child == 0:
            is_own = connections.connections(None, is_encrypted=False) is not mine
            connections._pools.close()  # as at its exit
            os._exit(0 if is_own else 1)
    for _ in range(1000):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        threading.Event().wait(0.01)
    else:
        os.kill(child, 9)
    assert (pid, status) == (child, 0)


def test_hints_before_an_answer_are_not_taken_for_it(server):
    with pytest.raises(OSError, match="HTTP 103"):
        fetch_range(RemoteFile(server.root, "early-x"), 0, 10)
    assert fetch_range(RemoteFile(server.root, "x"), 20, 30) == DATA[20:30]


def test_a_place_with_letters_of_any_kind(server):
    assert fetch_range(RemoteFile(server.root, "to-ü"), 0, 10) == DATA[:10]
    assert [path for path, _ in server.seen] == ["/to-%C3%BC", "/%C3%BC"]


def test_who_asks_is_said(server):
    root = server.root.replace("://", "://me%20too:p%40ss:ü@")
    assert fetch_range(RemoteFile(root, "to-x"), 0, 10) == DATA[:10]
    for _, headers in server.seen:
        assert b64decode(headers["authorization"].removeprefix("Basic ")).decode() == "me too:p@ss:ü"
        assert headers["user-agent"].startswith("audio-flan/")


def test_a_proxy(proxy, server, monkeypatch):
    file = RemoteFile(server.root, "x")
    assert fetch_range(file, 0, 10) == DATA[:10]
    ((path, headers),) = proxy.seen
    assert path == f"{server.root}/x"
    assert b64decode(headers["proxy-authorization"].removeprefix("Basic ")) == b"me:p@ss"
    assert server.seen == []
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch_range(file, 0, 10) == DATA[:10]
    assert (len(proxy.seen), len(server.seen)) == (1, 1)


def test_a_proxy_is_not_told_who_asks_in_the_address(proxy, server):
    assert fetch_range(RemoteFile(server.root.replace("://", "://me:SECRET@"), "x"), 0, 10) == DATA[:10]
    ((path, headers),) = proxy.seen
    assert path == f"{server.root}/x"
    assert b64decode(headers["authorization"].removeprefix("Basic ")) == b"me:SECRET"


def test_a_login_of_a_proxy_has_letters_of_any_kind(proxy, server, monkeypatch):
    monkeypatch.setenv("all_proxy", f"http://me%E2%82%AC:%C3%BC@{proxy.url}")
    assert fetch_range(RemoteFile(server.root, "x"), 0, 10) == DATA[:10]
    ((_, headers),) = proxy.seen
    assert b64decode(headers["proxy-authorization"].removeprefix("Basic ")).decode() == "me€:ü"


def test_a_proxy_without_a_scheme(proxy, server, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy.url)
    assert fetch_range(RemoteFile(server.root, "x"), 0, 10) == DATA[:10]
    assert len(proxy.seen) == 1


def test_a_proxy_whose_password_is_not_quoted_is_not_shown(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://me:SECRET/x@127.0.0.1:1")
    with pytest.raises(OSError, match="the proxy that the environment names for it, is no address") as caught:
        fetch_range(RemoteFile(server.root, "x"), 0, 10)
    assert "SECRET" not in str(caught.value)


def test_a_proxy_that_is_none(proxy, server, monkeypatch):
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(OSError, match="unsupported scheme socks5"):
        fetch_range(RemoteFile(server.root, "x"), 0, 10)


@pytest.mark.parametrize(
    ("proxy_url", "socks"), [("socks5h://a:1", True), ("http://a:1", False), ("", False)]
)
def test_what_the_hub_redirects_to_goes_through_socks_by_its_client(proxy, monkeypatch, proxy_url, socks):
    monkeypatch.setenv("all_proxy", proxy_url)
    assert answers._is_behind_socks("https://cdn.example/x") is socks


def test_certificates_are_those_of_the_environment(encrypted, authority):
    done = fetch_in_another_process(encrypted.root, SSL_CERT_FILE=str(authority[0]))
    assert done.stdout == DATA[10:30], done.stderr
    unknown = fetch_in_another_process(encrypted.root)
    assert unknown.stdout == b""
    assert b"CERTIFICATE_VERIFY_FAILED" in unknown.stderr


def test_a_proxy_passes_on_what_is_encrypted(encrypted, authority, proxy):
    done = fetch_in_another_process(encrypted.root, SSL_CERT_FILE=str(authority[0]))
    assert done.stdout == DATA[10:30], done.stderr
    ((path, headers),) = proxy.seen
    assert path == encrypted.root.removeprefix("https://")
    assert "proxy-authorization" in headers


@pytest.mark.parametrize("of_user", [False, True])
def test_a_client_that_the_user_gives_to_the_hub_is_used_for_all_of_it(tmp_path, monkeypatch, of_user):
    import huggingface_hub
    from huggingface_hub.utils._http import default_client_factory

    (tmp_path / "x.tar").write_bytes(DATA)
    seen = []
    with Hub(redirects=True) as hub:
        hub.add("ORG/NAME", tmp_path)
        hub.extensions.append(lambda request: seen.append((request.path, request.headers.get("x-mine"))))
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.endpoint)
        if of_user:
            client = connections.http_library().Client
            huggingface_hub.set_client_factory(lambda: client(headers={"x-mine": "yes"}))
        try:
            file = RemoteFile(f"{hub.endpoint}/datasets/ORG/NAME/resolve/main", "x.tar")
            assert fetch_range(file, 0, 2_000_000) == DATA[:2_000_000]
        finally:
            huggingface_hub.set_client_factory(default_client_factory)
    assert [path.split("/")[0] for path, _ in seen] == ["datasets", "cdn"]
    assert {mine for _, mine in seen} == {"yes" if of_user else None}
