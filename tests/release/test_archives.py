"""Clips inside archives: found beside their place, read where they lie, never extracted."""

import io
import os
import tarfile
import zipfile

import numpy as np
import pytest
from trees import encoded, line, metadata_path, tar_of, tone, write, zip_of

from audio_flan.release import open_release
from audio_flan.waveform import AudioError, LazyAudio

FOLDER = "audio_files/speech/01_A"
WAVE = tone(500, 300)
CLIP = encoded(WAVE, "WAV")
AUDIO_ID = "a_clip"


def released(root, path=f"{FOLDER}/deep/a.wav"):
    """A release of one row, whose clip is said to be at `path`."""
    write(root, metadata_path("speech", "understanding", "test", "01_A", "a.jsonl"), line("u"))
    write(root, "scp_files/speech/01_A.scp", f"{AUDIO_ID} {path}".encode())
    return open_release(root)


def heard(release):
    return LazyAudio(release.clips.locate(AUDIO_ID), AUDIO_ID).decode()[0]


def fault(release):
    with pytest.raises(AudioError) as caught:
        heard(release)
    assert caught.value.audio_id == AUDIO_ID
    return str(caught.value.fault)


@pytest.mark.parametrize("pack", [tar_of, zip_of, lambda members: zip_of(members, zipfile.ZIP_STORED)])
@pytest.mark.parametrize(
    ("place", "member"),
    [
        (f"{FOLDER}/deep/x", "a.wav"),
        (f"{FOLDER}/x", "deep/a.wav"),
        (f"{FOLDER}/deep", "a.wav"),
        (f"{FOLDER}/deep", "deep/a.wav"),
        ("audio_files/speech/01_A", "01_A/deep/a.wav"),
        ("audio_files/speech/x", f"{FOLDER}/deep/a.wav"),
        ("audio_files/x", "speech/01_A/deep/a.wav"),
    ],
)
def test_where_a_clip_is_looked_for(tmp_path, pack, place, member):
    suffix = ".tar" if pack is tar_of else ".zip"
    write(tmp_path, place + suffix, pack({"other.wav": b"x" * 3000, member: CLIP}))
    release = released(tmp_path)
    np.testing.assert_allclose(heard(release), WAVE[:, 0], atol=1e-4)
    assert release.clips.file_of(AUDIO_ID) == place + suffix


def test_a_file_of_its_own_comes_before_archives(tmp_path):
    write(tmp_path, f"{FOLDER}/deep/x.tar", tar_of({"a.wav": b"wrong"}))
    write(tmp_path, f"{FOLDER}/deep/a.wav", CLIP)
    assert len(heard(released(tmp_path))) == 500


def test_a_pax_or_gnu_name_of_any_length_is_found(tmp_path):
    name = "x" * 300 + "/ü.wav"
    write(tmp_path, f"{FOLDER}/x.tar", tar_of({name: CLIP}))
    assert len(heard(released(tmp_path, f"{FOLDER}/{name}"))) == 500


def test_members_after_the_first_keep_their_places(tmp_path):
    clips = {f"{i}.wav": encoded(tone(100 + i), "WAV") for i in range(300)}
    for suffix, pack in ((".tar", tar_of), (".zip", zip_of)):
        root = tmp_path / suffix[1:]
        write(root, f"{FOLDER}/x{suffix}", pack(clips))
        scp = "".join(f"{i} {FOLDER}/{i}.wav\n" for i in range(300))
        write(root, metadata_path("speech", "understanding", "test", "01_A", "a.jsonl"), line("u"))
        write(root, "scp_files/speech/01_A.scp", scp.encode())
        clips_of = open_release(root).clips
        assert [LazyAudio(clips_of.locate(str(i)), str(i)).frames for i in range(300)] == list(
            range(100, 400)
        )


def hostile_tar(**facts) -> bytes:
    info = tarfile.TarInfo("a.wav")
    for key, value in facts.items():
        setattr(info, key, value)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(info, io.BytesIO(CLIP))
    return buffer.getvalue()


def header_of_endless_pax() -> bytes:
    """A pax header that says it is 8 GB long."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, (8 << 30) - 1
    return info.tobuf(tarfile.USTAR_FORMAT) + bytes(2048)


def encrypted_zip() -> bytes:
    data = bytearray(zip_of({"a.wav": CLIP}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    return bytes(data)


def zip_with_wrong_bytes(method: int = zipfile.ZIP_STORED, place: int = 300) -> bytes:
    data = zip_of({"a.wav": CLIP}, method)
    return data[:place] + b"\xff" * 10 + data[place + 10 :]


DAMAGED = {
    "empty tar": ("x.tar", b"", "missing_audio"),
    "text as tar": ("x.tar", b"no tar at all" * 100, "missing_audio"),
    "text as zip": ("x.zip", b"no zip at all" * 100, "missing_audio"),
    "gzipped tar": ("x.tar", b"\x1f\x8b" + b"x" * 600, "missing_audio"),
    "a tar cut in its first clip": ("x.tar", tar_of({"a.wav": CLIP})[:900], "truncated_audio"),
    "a tar that ends in the header": ("x.tar", tar_of({"a.wav": CLIP})[:300], "missing_audio"),
    "a link in a tar": ("x.tar", hostile_tar(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "missing_audio"),
    "a FIFO in a tar": ("x.tar", hostile_tar(type=tarfile.FIFOTYPE, size=0), "missing_audio"),
    "a name upwards in a tar": ("x.tar", hostile_tar(name="../../a.wav", size=len(CLIP)), "missing_audio"),
    "endless pax header": ("x.tar", header_of_endless_pax(), "missing_audio"),
    "a zip cut short": ("x.zip", zip_of({"a.wav": CLIP})[:-30], "missing_audio"),
    "encrypted": ("x.zip", encrypted_zip(), "unsupported_audio"),
    "packed by bzip2": ("x.zip", zip_of({"a.wav": CLIP}, zipfile.ZIP_BZIP2), "unsupported_audio"),
    "wrong checksum": ("x.zip", zip_with_wrong_bytes(), "damaged_audio"),
    "wrong deflate": ("x.zip", zip_with_wrong_bytes(zipfile.ZIP_DEFLATED, 60), "damaged_audio"),
    "a table that points elsewhere": ("x.zip", b"junk" * 20 + zip_of({"a.wav": CLIP})[4:], "missing_audio"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_and_hostile_archives(tmp_path, name):
    archive, data, expected = DAMAGED[name]
    write(tmp_path, f"{FOLDER}/deep/{archive}", data)
    assert fault(released(tmp_path)) in (expected, "damaged_audio")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    write(tmp_path, f"{FOLDER}/deep/x.zip", zip_of({"a.wav": bytes(600 << 20)}))
    assert fault(released(tmp_path)) == "unreadable_audio"


@pytest.mark.parametrize("kind", ["fifo", "folder", "link out", "folder link out"])
@pytest.mark.parametrize("suffix", [".tar", ".zip"])
def test_what_only_looks_like_an_archive_is_not_opened(tmp_path, kind, suffix):
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(outside, f"x{suffix}", (tar_of if suffix == ".tar" else zip_of)({"a.wav": CLIP}))
    archive = root / FOLDER / "deep" / f"x{suffix}"
    if kind == "folder link out":
        archive.parent.parent.mkdir(parents=True)
        archive.parent.symlink_to(outside)
    else:
        archive.parent.mkdir(parents=True)
        {
            "fifo": os.mkfifo,
            "folder": os.mkdir,
            "link out": lambda path: path.symlink_to(outside / path.name),
        }[kind](archive)
    assert fault(released(root)) in ("missing_audio", "outside_root")


def test_an_unreadable_folder_is_a_fault_of_the_clip(tmp_path, monkeypatch):
    release = released(tmp_path)

    def refuse(folder):
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert fault(release) == "unreadable_audio"


def test_many_threads_may_ask_for_clips_of_many_archives(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr("audio_flan.release.archives.MAX_OPEN_ARCHIVES", 2)
    scp = ""
    for i in range(12):
        write(
            tmp_path,
            f"{FOLDER}/{i}.tar",
            tar_of({f"{j}.wav": encoded(tone(10 + j), "WAV") for j in range(5)}),
        )
        scp += "".join(f"{i}_{j} {FOLDER}/{i}/{j}.wav\n" for j in range(5))
    write(tmp_path, metadata_path("speech", "understanding", "test", "01_A", "a.jsonl"), line("u"))
    write(tmp_path, "scp_files/speech/01_A.scp", scp.encode())
    clips = open_release(tmp_path).clips
    ids = [f"{i}_{j}" for j in range(5) for i in range(12)]
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda audio_id: LazyAudio(clips.locate(audio_id), audio_id).frames, ids))
    assert frames == [10 + int(audio_id[-1]) for audio_id in ids]
