"""Byte ranges over HTTP: whole and right, or tried again, or a clear error."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import fsspec
import pytest
from hub.answers import Answer
from hub.server import Hub

from audio_flan.fetch import retry
from audio_flan.fetch.connections import basic
from audio_flan.fetch.http import HttpRanges, Refusal, _asked_wait_s
from audio_flan.fetch.remote import RemoteFile, fetch_range, fetch_size, fetch_span, forget_range
from audio_flan.fetch.retry import (
    LONGEST_ASKED_WAIT_S,
    NOTICED_WAIT_S,
    TransientError,
    seconds_to_wait,
    stop_retrying_when,
    with_retries,
)
from audio_flan.fetch.shard_cache import ShardCache

REPO = "ORG/NAME"
DATA = random.Random(0).randbytes(300_000)
PATH = "audio/x/a b%20ü.tar"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """As many attempts as always, without the waits between them."""
    monkeypatch.setattr(retry, "seconds_to_wait", lambda error, backoff_s: 0.0)


@contextmanager
def as_long_as_it_takes():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retry, "seconds_to_wait", seconds_to_wait)
        yield


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "repo" / PATH).parent.mkdir(parents=True)
    (tmp_path / "repo" / PATH).write_bytes(DATA)
    return tmp_path / "repo"


@pytest.fixture(params=[False, True], ids=["direct", "redirects"])
def hub(request, folder):
    with Hub(redirects=request.param) as hub:
        hub.add(REPO, folder)
        yield hub


@pytest.fixture
def file(hub):
    return RemoteFile(f"{hub.endpoint}/datasets/{REPO}/resolve/main", PATH)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (17, 5000), (299_000, 300_000), (0, 300_000)])
def test_a_range_is_one_request(hub, file, start, stop):
    assert fetch_range(file, start, stop) == DATA[start:stop]
    assert hub.nbytes == stop - start
    assert len(hub.log) == 1 + hub.redirects


def test_a_file_that_ends_before_and_its_size(hub, file):
    assert fetch_range(file, 299_990, 400_000) == DATA[299_990:]
    assert fetch_range(file, 400_000, 400_010) == b""
    assert fetch_size(file) == len(DATA)
    assert fetch_span(file, 0, 1).commit == hub.repos[REPO].commit


def test_where_the_file_was_found_is_asked_directly_the_next_time(hub, file):
    for start in range(5):
        assert fetch_range(file, start, start + 10) == DATA[start : start + 10]
    assert sum(exchange.kind == "file GET" for exchange in hub.log) == (1 if hub.redirects else 5)


@pytest.mark.parametrize("hub", [True], indirect=True)
def test_a_place_that_has_expired_is_asked_for_anew(hub, file):
    fetch_range(file, 0, 10)
    hub.fail(403, "*cdn/*")
    assert fetch_range(file, 0, 10) == DATA[:10]
    paths = [exchange.path.split("/")[1] for exchange in hub.log]
    assert paths == ["datasets", "cdn", "cdn", "datasets", "cdn"]
    hub.fail(403, "*cdn/*", times=2)
    with pytest.raises(PermissionError, match="may not be read: HTTP 403"):
        fetch_range(file, 0, 10)


@pytest.fixture
def moving(folder):
    """A server that redirects to another one, which may be replaced; the file there, and its place."""
    place = []

    def redirect(request):
        return Answer(302, b"", {"Location": f"{place[-1].endpoint}/{request.path}"}, "redirect")

    with Hub() as origin, Hub() as first, Hub() as second:
        origin.extensions.append(redirect)
        for hub in (first, second):
            hub.add(REPO, folder)
        place.append(first)
        file = RemoteFile(f"{origin.endpoint}/datasets/{REPO}/resolve/main", PATH)
        assert fetch_range(file, 0, 10) == DATA[:10]
        origin.forget()
        first.forget()
        yield origin, place, second, file


@pytest.mark.parametrize("fault", [429, 500, 503, "reset", "truncated", "short"])
def test_a_place_that_has_broken_down_is_asked_once(moving, fault):
    origin, place, second, file = moving
    place[0].fail(fault, times=100)
    place.append(second)
    assert fetch_range(file, 10, 100_000) == DATA[10:100_000]
    assert [len(hub.log) for hub in (place[0], origin, second)] == [1, 1, 1]


@pytest.mark.parametrize("hub", [True], indirect=True)
def test_what_was_wrong_is_asked_for_where_the_file_was_looked_for(hub, file):
    for _ in range(2):
        fetch_range(file, 0, 10)
        forget_range(file, 0, 10)
    assert hub.requests["file GET"] == hub.requests["cdn GET"] == 2


@pytest.mark.parametrize("fault", [429, 500, 502, 503, 504, 408, "reset", "truncated", "short"])
@pytest.mark.parametrize("times", [1, 5])
def test_what_passes_is_tried_again(hub, file, fault, times):
    hub.fail(fault, "*.tar", times=times)
    assert fetch_range(file, 10, 100_000) == DATA[10:100_000]


def test_what_does_not_pass_is_an_error_in_the_end(hub, file):
    hub.fail(503, "*.tar", times=100)
    with pytest.raises(OSError, match=r"a b%20ü.tar cannot be read: HTTP 503") as caught:
        fetch_range(file, 0, 10)
    assert not isinstance(caught.value, TransientError)
    assert len(hub.log) == 6


def test_what_is_not_there_is_asked_for_once(hub, file):
    with pytest.raises(FileNotFoundError, match=r"there is no .*/nothing"):
        fetch_range(RemoteFile(file.root, "nothing"), 0, 10)
    assert len(hub.log) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_what_may_not_be_read_is_asked_for_once(hub, file, status):
    hub.fail(status, "*.tar", times=100)
    with pytest.raises(PermissionError, match=f"may not be read: HTTP {status}"):
        fetch_range(file, 0, 10)
    assert len(hub.log) == 1


@pytest.fixture
def credentials(hub):
    """Host and credentials of each request."""
    seen = []
    hub.extensions.append(
        lambda request: seen.append((request.path.split("/")[0], request.headers.get("Authorization")))
    )
    return seen


def test_credentials_stay_with_their_host(hub, file, credentials):
    ranges, url = HttpRanges(), f"{file.root}/audio/x/a%20b%2520%C3%BC.tar"
    for _ in range(2):
        assert ranges.read(url, 0, 10, {"authorization": "Bearer secret"}).data == DATA[:10]
    asked = ("datasets", "Bearer secret")
    assert credentials == ([asked, ("cdn", None), ("cdn", None)] if hub.redirects else [asked] * 2)


def test_a_place_found_with_one_token_is_not_used_with_another(file, credentials):
    ranges, url = HttpRanges(), f"{file.root}/audio/x/a%20b%2520%C3%BC.tar"
    ranges.read(url, 0, 10, {"authorization": "Bearer one"})
    ranges.read(url, 0, 10, {})
    assert [sent for host, sent in credentials if host == "datasets"] == ["Bearer one", None]


MINE = basic("me:secret")


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("{origin}", [MINE]),
        ("", [MINE]),  # a path alone
        ("{origin_for_you}", [basic("you:other")]),
        ("{other}", [None]),
        ("{origin_by_name}", [None]),
        ("{other}/back", [None, MINE]),
    ],
)
def test_user_and_password_go_along_to_the_same_host_and_port_only(folder, target, sent):
    seen = []

    def redirect(request):
        seen.append(request.headers.get("Authorization"))
        way, _, rest = request.path.partition("/")
        if way not in ("asked", "back"):
            return None
        to = origin.endpoint if way == "back" else target.format_map(places)
        return Answer(302, b"", {"Location": f"{to}/{rest}"}, "redirect")

    with Hub() as origin, Hub() as other:
        for hub in (origin, other):
            hub.add(REPO, folder)
            hub.extensions.append(redirect)
        places = {
            "origin": origin.endpoint,
            "origin_for_you": origin.endpoint.replace("://", "://you:other@"),
            "origin_by_name": origin.endpoint.replace("127.0.0.1", "localhost"),
            "other": other.endpoint,
        }
        root = origin.endpoint.replace("://", "://me:secret@") + f"/asked/datasets/{REPO}/resolve/main"
        assert fetch_range(RemoteFile(root, PATH), 0, 10) == DATA[:10]
    assert seen == [MINE, *sent]


def test_the_query_of_a_root_stays_at_the_end(hub, file):
    assert fetch_range(RemoteFile(f"{file.root}?signature=abc", PATH), 0, 10) == DATA[:10]


def with_secrets(url):
    """The address of a root that nobody else is to read."""
    return f"{url.replace('://', '://me:SECRET@')}?sig=SECRET"


@pytest.mark.parametrize("status", [404, 403, 400, 503])
def test_errors_show_no_credentials(hub, file, status):
    signed = RemoteFile(with_secrets(file.root), PATH)
    assert fetch_range(signed, 0, 10) == DATA[:10]
    assert str(signed) == str(file)
    hub.fail(status, times=100)
    with pytest.raises(OSError, match=r"ü\.tar") as caught:
        fetch_range(signed, 0, 10)
    assert "SECRET" not in f"{caught.value} {signed!r}"


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "/x", "http://[x", "http://me:SECRET/x@127.0.0.1/"])
def test_redirections_show_no_credentials(odd, target):
    odd.answer = 302, {"Location": target, "Content-Length": "0"}, b""
    with pytest.raises(OSError, match="redirects") as caught:
        fetch_range(RemoteFile(with_secrets(odd.file.root), "x"), 10, 20)
    assert "SECRET" not in str(caught.value)


class Odd(BaseHTTPRequestHandler):
    """Answers with whatever the test has put down, whatever is asked for."""

    def do_GET(self):
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def odd():
    server = HTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.file = RemoteFile(f"http://127.0.0.1:{server.server_address[1]}", "x")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_small_file_may_come_whole(odd):
    odd.answer = 200, {"Content-Length": "1000"}, DATA[:1000]
    assert fetch_range(odd.file, 10, 20) == DATA[10:20]
    assert fetch_range(odd.file, 990, 1020) == DATA[990:1000]


@pytest.mark.parametrize(
    ("headers", "said"), [({"Content-Length": "1000000000"}, "1,000,000,000 bytes"), ({}, "of unknown size")]
)
def test_a_large_one_may_not(odd, headers, said):
    odd.answer = 200, headers, DATA[:1000]
    with pytest.raises(OSError, match=f"does not give parts of a file, and the whole is {said}"):
        fetch_range(odd.file, 10, 20)


@pytest.mark.parametrize(
    "given", ["", "bytes 0-9/100", "bytes 10-25/100", "bytes ten-20/100", "bytes 10-19", "items 10-19/100"]
)
def test_another_range_than_was_asked_for_is_refused(odd, given):
    odd.answer = 206, {"Content-Range": given, "Content-Length": "10"}, DATA[10:20]
    with pytest.raises(OSError, match="asked for bytes 10-19, the server gave"):
        fetch_range(odd.file, 10, 20)


@pytest.mark.parametrize(
    ("status", "header", "error"),
    [
        (404, "Content-Length", FileNotFoundError),
        (200, "Content-Length", OSError),
        (206, "Content-Range", OSError),
        (416, "Content-Range", None),
    ],
)
def test_numbers_that_are_none(odd, status, header, error):
    digits = "9" * 5000
    odd.answer = status, {header: digits if header == "Content-Length" else f"bytes */{digits}"}, b""
    if error is None:
        assert fetch_range(odd.file, 10, 20) == b""
    else:
        with pytest.raises(error):
            fetch_range(odd.file, 10, 20)


def test_more_than_was_announced_is_refused(odd):
    odd.answer = 206, {"Content-Range": "bytes 10-19/100"}, DATA[10:40]
    with pytest.raises(OSError, match="more than the 10 bytes"):
        fetch_range(odd.file, 10, 20)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_only_web_addresses_are_followed(odd, target):
    odd.answer = 302, {"Location": target, "Content-Length": "0"}, b""
    with pytest.raises(OSError, match="which is not followed"):
        fetch_range(odd.file, 10, 20)


def test_redirects_have_an_end(odd):
    odd.answer = 302, {"Location": "/x", "Content-Length": "0"}, b""
    with pytest.raises(OSError, match="more than 10 redirects"):
        fetch_range(odd.file, 10, 20)


def test_a_host_that_is_not_there(odd):
    odd.shutdown()
    odd.server_close()
    with pytest.raises(OSError, match="cannot be read: NewConnectionError"):
        fetch_range(odd.file, 10, 20)


def test_other_file_systems_of_fsspec():
    fsspec.filesystem("memory").pipe_file("/root/audio/x.tar", DATA)
    file = RemoteFile("memory://root", "audio/x.tar")
    assert fetch_range(file, 10, 30) == DATA[10:30]
    assert fetch_range(file, 299_990, 400_000) == DATA[299_990:]
    assert fetch_size(file) == len(DATA)
    with pytest.raises(FileNotFoundError):
        fetch_range(RemoteFile("memory://root", "nothing"), 0, 10)


def test_other_file_systems_get_the_whole_address():
    fsspec.filesystem("memory").pipe_file("/root?sig=SECRET/x.tar", DATA)
    file = RemoteFile("memory://root?sig=SECRET", "x.tar")
    assert fetch_range(file, 10, 30) == DATA[10:30]
    assert str(file) == "memory://root/x.tar"


def test_of_other_file_systems_the_end_of_a_file_is_cached_too(tmp_path):
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/root/audio/y.tar", DATA)
    file = RemoteFile("memory://root", "audio/y.tar", cache=ShardCache.at(tmp_path))
    for _ in range(2):
        assert fetch_range(file, 299_990, 400_000) == DATA[299_990:]
        memory.store.pop("/root/audio/y.tar", None)  # the second time it is not asked


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"ratelimit": '"api";r=0;t=55'}, 55.0),
        ({"ratelimit": '"api";r=12;t=55'}, None),
    ],
)
def test_how_long_a_server_asks_to_be_left_alone(headers, seconds):
    assert _asked_wait_s(headers) == seconds


def test_how_long_until_a_date():
    then = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    assert 100 < _asked_wait_s({"retry-after": then}) <= 120


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_a_server_is_left_alone_for_as_long_as_it_asks(hub, file, kind):
    arrived = []
    hub.extensions.append(lambda request: arrived.append(datetime.now(UTC)))
    then = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    asked = 1 if kind == "seconds" else format_datetime(then, usegmt=True)
    hub.fail(429, f"*{'cdn' if hub.redirects else 'resolve'}*", retry_after=asked)
    with as_long_as_it_takes():
        began = datetime.now(UTC)
        assert fetch_range(file, 0, 10) == DATA[:10]
    assert arrived[-1] >= (then if kind == "date" else began + timedelta(seconds=1))


def test_that_long_it_is_left_alone():
    assert 2 <= seconds_to_wait(TransientError("x"), 2.0) <= 3
    assert 7 <= seconds_to_wait(TransientError("x", 7.0), 2.0) <= 8
    assert (
        0 <= seconds_to_wait(TransientError("x", LONGEST_ASKED_WAIT_S * 9), 2.0) - LONGEST_ASKED_WAIT_S <= 1
    )


@pytest.mark.parametrize("error", [OSError("no"), ValueError("no"), Refusal(404, "", "no")])
def test_errors_of_another_kind_are_not_tried_again(error):
    calls = []

    def fetch():
        calls.append(1)
        raise error

    with pytest.raises(type(error), match="no"):
        with_retries(fetch)
    assert len(calls) == 1


def test_a_wait_that_one_would_notice_is_said(monkeypatch, caplog):
    waits = iter([0.0, NOTICED_WAIT_S])
    monkeypatch.setattr(retry, "seconds_to_wait", lambda error, backoff_s: next(waits))
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout: False)
    answers = iter([TransientError("busy"), TransientError("still busy"), "here"])

    def fetch():
        answer = next(answers)
        if isinstance(answer, TransientError):
            raise answer
        return answer

    assert with_retries(fetch) == "here"
    assert caplog.messages == ["still busy; trying again in 4.0 s"]


def test_a_wait_ends_when_nothing_is_to_be_tried_any_more():
    calls, no_more = [], threading.Event()

    def fetch():
        calls.append(1)
        raise TransientError("busy", 300.0)

    def work():
        stop_retrying_when(no_more)
        with pytest.raises(TransientError, match="busy"):
            with_retries(fetch)

    with as_long_as_it_takes(), ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        while not calls:
            threading.Event().wait(0.01)
        no_more.set()
        done.result(timeout=20)
    assert len(calls) == 1
