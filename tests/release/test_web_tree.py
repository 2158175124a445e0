"""A release behind a server of the web: names that are quoted there, logins that nobody else is to see."""

import functools
import threading
from base64 import b64encode
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from trees import encoded, line, metadata_path, token, tone, write

import audio_flan
from audio_flan.release import ReleaseError, open_release
from audio_flan.release.validate import validate

CORPORA = ("02 with a space", "03_ünï-日本", "04_a#b?c&d", "05_100%41")


class Handler(SimpleHTTPRequestHandler):
    """Lists folders as web servers do, and lets those in who know the login, if there is one."""

    login = ""

    def do_GET(self):
        known = f"Basic {b64encode(self.login.encode()).decode()}"
        if self.login and self.headers["authorization"] != known:
            self.send_error(401)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


def serve(root, login=""):
    handler = type("Handler", (Handler,), {"login": login})
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
