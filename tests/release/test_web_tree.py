"""A release behind a server of the web: names that are quoted there, logins that nobody else is to see."""

import functools
import threading
from base64 import b64encode
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest
from trees import encoded, line, metadata_path, token, tone, write

import audio_flan
from audio_flan.release import ReleaseError, open_release
from audio_flan.release.validate import validate

CORPORA = ("02 with a space", "03_ünï-日本", "04_a#b?c&d", "05_100%41")


class Handler(SimpleHTTPRequestHandler):
    """Lists folders as web servers do, and lets those in who know the login, if there is one."""

    login, hides = "", False

    def send_error(self, code, *arguments):
        super().send_error(403 if self.hides and code == 404 else code, *arguments)

    def do_GET(self):
        known = f"Basic {b64encode(self.login.encode()).decode()}"
        if self.login and self.headers["authorization"] != known:
            self.send_error(401)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


def serve(root, login="", *, hides=False):
    handler = type("Handler", (Handler,), {"login": login, "hides": hides})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def odd(tmp_path):
    """A release whose corpora and clips have names that mean something else in a URL."""
    root = tmp_path / "odd"
    for number, corpus in enumerate(CORPORA):
        clips = {f"{number}-{n}": f"audio_files/speech/{corpus}/a b#{n}.flac" for n in range(2)}
        for path in clips.values():
            write(root, path, encoded(tone(800 + number)))
        scp = "".join(f"{audio_id}\t{path}\n" for audio_id, path in clips.items())
        write(root, f"scp_files/speech/{corpus}.scp", scp.encode())
        rows = [line(audio_id, input=token(audio_id)) for audio_id in clips]
        folder = metadata_path("speech", "understanding", "train_dev", corpus, "x.jsonl")
        write(root, folder, b"\n".join(rows))
    return root


@pytest.fixture
def secret(small_tree):
    """The small tree behind a login, and the URL with it."""
    with serve(small_tree.root, "me:SECRET") as server:
        yield f"http://me:SECRET@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_names_are_those_of_the_files(odd):
    with serve(odd) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert validate(open_release(url)).as_json() == validate(open_release(odd)).as_json()
        there, here = (list(audio_flan.stream(root, "all", "all")) for root in (url, odd))
        server.shutdown()
        assert [(row["uuid"], row["corpus"]) for row in there] == [
            (row["uuid"], row["corpus"]) for row in here
        ]
        assert {row["corpus"] for row in there} == set(CORPORA)


def test_clips_of_odd_names_are_read(odd):
    with serve(odd) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        frames = [row["input_audio"][0].decode().shape[-1] for row in audio_flan.stream(url, "all", "all")]
        server.shutdown()
    assert sorted(frames) == sorted(800 + number for number in range(len(CORPORA)) for _ in range(2))


def test_a_login_is_used_and_not_shown(secret, small_tree, caplog):
    (small_tree.root / "audio_files/speech/01_Read/wav/01_Read_0.flac").write_bytes(b"junk")
    rows = audio_flan.stream(secret, "speech_asr", "all", on_error="skip")
    assert next(iter(rows))["input_audio"][0].decode().size
    for _ in rows:
        pass
    assert len(rows.quarantine) == 1
    shown = [caplog.text, repr(list(rows.quarantine)), repr(rows.source.root)]
    with pytest.raises(audio_flan.AudioError) as caught:
        list(audio_flan.stream(secret, "speech_asr", "all"))
    shown += [str(caught.value), caught.value.location]
    with pytest.raises(ReleaseError) as refused:
        audio_flan.stream(f"{secret}/audio_files")
    shown.append(str(refused.value))
    with pytest.raises(PermissionError) as forbidden:
        audio_flan.stream(secret.replace("SECRET", "SECRET-2"))
    shown.append(str(forbidden.value))
    assert all("127.0.0.1" in text for text in shown[2:])
    assert not [text for text in shown if "SECRET" in text]


def test_a_clip_that_is_missing_shows_no_login(secret, small_tree, tmp_path):
    """Not the first of its folder, which alone is looked up before it is read."""
    (small_tree.root / "audio_files/speech/01_Read/wav/01_Read_1.flac").unlink()
    rows = audio_flan.stream(secret, "speech_asr", "train", on_error="skip")
    assert len(list(rows)) == 1
    (entry,) = rows.quarantine
    assert entry.reason == "missing_audio"
    assert "127.0.0.1" in entry.message
    assert "SECRET" not in entry.message
    cache = tmp_path / "cache"
    audio_flan.load_dataset(secret, "speech_asr", split="train", on_error="null", cache_dir=cache)
    assert not [path for path in cache.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()]


def test_metadata_that_is_missing_shows_no_login(secret, small_tree):
    rows = audio_flan.stream(secret, "speech_asr", "train", on_error="skip")
    (small_tree.root / metadata_path("speech", "understanding", "train_dev", "01_Read", "asr.jsonl")).unlink()
    assert list(rows) == []
    (entry,) = rows.quarantine
    assert entry.reason == "unreadable_file"
    assert "SECRET" not in entry.message


def test_a_file_that_changed_is_another_revision(odd, tmp_path):
    with serve(odd) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        before = open_release(url).fingerprint
        assert len(audio_flan.scan(url, cache_dir=tmp_path).collect()) == 8
        path = odd / metadata_path("speech", "understanding", "train_dev", CORPORA[0], "x.jsonl")
        path.write_bytes(path.read_bytes().splitlines()[0])
        fsspec.get_filesystem_class("http").clear_instance_cache()
        assert open_release(url).fingerprint != before
        assert len(audio_flan.scan(url, cache_dir=tmp_path).collect()) == 7
        server.shutdown()


def test_a_server_that_hides_what_is_missing(odd):
    with serve(odd, hides=True) as server:
        rows = audio_flan.stream(
            f"http://127.0.0.1:{server.server_address[1]}", "all", "all", columns=["uuid"]
        )
        assert len(list(rows)) == 8
        server.shutdown()


def test_a_login_is_not_written_into_tables(secret, tmp_path):
    table = audio_flan.load_dataset(secret, "speech_asr", split="train", cache_dir=tmp_path / "cache")
    assert all(audio.decode().size for row in table for audio in row["input_audio"])
    written = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"SECRET" in path.read_bytes() or "SECRET" in str(path)]


def test_a_release_behind_a_signature_is_refused(secret):
    with pytest.raises(ReleaseError, match=r"127\.0\.0\.1:\d+/audio_files holds no built data") as caught:
        audio_flan.stream(f"{secret}/audio_files?sig=SECRET")
    assert "SECRET" not in str(caught.value)
