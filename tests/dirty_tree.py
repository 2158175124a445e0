"""A release tree with one of each kind of fault, and exactly what is to be said of each."""

import json
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from trees import encoded, line, metadata_path, record, token, tone, write

ASR = metadata_path("speech", "understanding", "train_dev", "01_Dirty", "asr.jsonl")
CLIPS = metadata_path("speech", "understanding", "train_dev", "01_Dirty", "clips.jsonl")
CUT = metadata_path("speech", "understanding", "train_dev", "02_Cut", "asr.jsonl.gz")
BOMB = metadata_path("speech", "understanding", "train_dev", "03_Bomb", "asr.jsonl.gz")
EMPTY = metadata_path("speech", "understanding", "test", "01_Dirty", "empty.jsonl")
MISPLACED = "metadata/speech/understanding/train_dev/01_Dirty/stray.jsonl"
MISPLACED_SCP = "scp_files/stray.scp"
SCP = "scp_files/speech/01_Dirty.scp"
FOLDER = "audio_files/speech/01_Dirty"


class Expected(NamedTuple):
    """An entry, message aside."""

    file: str
    line: int | None
    byte_offset: int | None
    reason: str
    audio_id: str | None = None
    uuid: str | None = None


def standard(uuid: object, *without: str, **changes: object) -> bytes:
    return json.dumps({k: v for k, v in record(uuid, **changes).items() if k not in without}).encode()


def kind(**changes: object) -> dict[str, object]:
    return record("")["task_type"] | changes


NESTED = b"[" * 100 + b"]" * 100

RECORD_FAULTS: dict[str, tuple[str, bytes, str | None]] = {
    # name: (reason, line, uuid that is to be named)
    "cut short": ("invalid_json", line("cut")[:-5], None),
    "trailing comma": ("invalid_json", line("comma")[:-1] + b",}", None),
    "NaN": ("invalid_json", line("nan").replace(b'"other": null', b'"other": NaN'), None),
    "a number beyond all measure": ("invalid_json", line("n").replace(b"null", b"1" * 5000), None),
    "a lone surrogate": ("invalid_json", line("s").replace(b"done", b"\\ud800"), None),
    "NUL bytes": ("invalid_json", b"\0" * 50, None),
    "not UTF-8": ("invalid_utf8", line("latin").replace(b"done", b"d\xf6ne"), None),
    "a long line": ("line_too_long", standard("long", output="x" * 5_000_000), None),
    "deep lists": ("nesting_too_deep", line("deep").replace(b"null", NESTED), None),
    "lists without end": ("nesting_too_deep", b"[" * 100_000, None),
    "a key twice": ("duplicate_key", line("twice")[:-1] + b', "uuid": "again"}', None),
    "a key twice, below": ("duplicate_key", line("below").replace(b"null", b'{"a": 1, "a": 1}'), None),
    "a list": ("not_an_object", b"[1, 2]", None),
    "a string": ("not_an_object", b'"text"', None),
    "no uuid": ("missing_field", standard("", "uuid"), None),
    "no instruction": ("missing_field", standard("no-instruction", "instruction"), "no-instruction"),
    "no input": ("missing_field", standard("no-input", "input"), "no-input"),
    "no output": ("missing_field", standard("no-output", "output"), "no-output"),
    "no split": ("missing_field", standard("no-split", "split"), "no-split"),
    "no domain": ("missing_field", standard("no-domain", "domain"), "no-domain"),
    "no task_type": ("missing_field", standard("no-kind", "task_type"), "no-kind"),
    "no minor": ("missing_field", standard("no-minor", task_type={"major": "x", "U/G": "u"}), "no-minor"),
    "no split in the list": ("missing_field", standard("empty-split", split=[]), "empty-split"),
    "null output": ("wrong_type", standard("null-output", output=None), "null-output"),
    "a list as input": ("wrong_type", standard("list-input", input=["a"]), "list-input"),
    "a number as uuid": ("wrong_type", standard(7), None),
    "a number as split": ("wrong_type", standard("split-1", split=[1]), "split-1"),
    "a string as unseen": ("wrong_type", standard("unseen", task_type=kind(unseen="no")), "unseen"),
    "a list as task_type": ("wrong_type", standard("kind", task_type=[]), "kind"),
    "a list as domain": ("wrong_type", standard("domain-list", domain=["speech"]), "domain-list"),
    "a blank uuid": ("empty_field", standard(" "), " "),
    "an empty output": ("empty_field", standard("empty", output=""), "empty"),
    "a fourth domain": ("unknown_domain", standard("smell", domain="smell"), "smell"),
    "a task of no name": ("unknown_task", standard("nap", task_type=kind(minor="Napping")), "nap"),
    "a task of another domain": (
        "unknown_task",
        standard("tag", task_type=kind(minor="Music Tagging")),
        "tag",
    ),
    "a third direction": ("unknown_direction", standard("up", task_type=kind(**{"U/G": "upwards"})), "up"),
    "a fourth split": ("unknown_split", standard("holdout", split="holdout"), "holdout"),
    "a token not closed": ("bad_audio_token", standard("open", input="<|SOA|>x"), "open"),
    "a token not opened": ("bad_audio_token", standard("shut", input="x<|EOA|>"), "shut"),
    "an empty token": ("bad_audio_token", standard("hollow", output="<|SOA|><|EOA|>"), "hollow"),
    "a nested token": ("bad_audio_token", standard("nest", input="<|SOA|>a<|SOA|>b<|EOA|>"), "nest"),
    "a token over two lines": ("bad_audio_token", standard("broken", input="<|SOA|>a\nb<|EOA|>"), "broken"),
    "a bar missing": ("bad_audio_token", standard("bar", input="|SOA|>x<|EOA|"), "bar"),
    "the folder's split": ("wrong_folder", standard("in-train", split="test"), "in-train"),
    "the folder's domain": (
        "wrong_folder",
        standard("rain", domain="audio", task_type=kind(minor="Audio Caption")),
        "rain",
    ),
    "the folder's direction": (
        "wrong_folder",
        standard("tts", task_type=kind(minor="Text to Speech")),
        "tts",
    ),
    "an id that nobody lists": ("unknown_audio_id", standard("who", input=token("99_Nobody")), "who"),
}

SCP_FAULTS: dict[str, tuple[str, bytes, str | None]] = {
    # name: (reason, line, audio id that is to be named)
    "an id alone": ("scp_bad_line", b"lonely", "lonely"),
    "a path alone": ("scp_bad_line", b"\taudio_files/a.wav", None),
    "not UTF-8": ("scp_bad_line", b"caf\xe9 audio_files/a.wav", None),
    "upwards": ("scp_unsafe_path", b"up audio_files/../../etc/passwd", "up"),
    "upwards, Windows": ("scp_unsafe_path", b"winup audio_files\\..\\..\\etc", "winup"),
    "absolute": ("scp_unsafe_path", b"abs /etc/passwd", "abs"),
    "a drive": ("scp_unsafe_path", b"drive C:\\clips\\a.wav", "drive"),
    "home": ("scp_unsafe_path", b"home ~/a.wav", "home"),
    "a URL": ("scp_unsafe_path", b"url https://example.com/a.wav", "url"),
    "a command": ("scp_unsafe_path", b"pipe flac -dc a.flac |", "pipe"),
    "a NUL byte": ("scp_unsafe_path", b"nul audio_files/a\0.wav", "nul"),
    "a path of no name": ("scp_unsafe_path", b"dot ./.", "dot"),
    "a long line": ("line_too_long", b"long " + b"x" * 5_000_000, None),
    "another path": ("scp_conflict", b"good_0 audio_files/speech/01_Dirty/other.flac", "good_0"),
}

CLIP_FAULTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    # audio id: (reason, what is put where the clip should be)
    "gone": ("missing_audio", lambda path: None),
    "hollow": ("empty_audio", lambda path: path.write_bytes(b"")),
    "soundless": ("empty_audio", lambda path: path.write_bytes(encoded(tone(0), "WAV"))),
    "cut_wav": ("truncated_audio", lambda path: path.write_bytes(encoded(tone(), "WAV")[:900])),
    "cut_flac": ("truncated_audio", lambda path: path.write_bytes(encoded(tone(20_000))[:2000])),
    "text": ("not_audio", lambda path: path.write_text("Dear reader, this is no sound.")),
    "odd_flac": ("damaged_audio", lambda path: path.write_bytes(b"#!AMR\n" + b"\xff" * 50)),
    "fifo": ("unreadable_audio", os.mkfifo),
    "folder": ("unreadable_audio", Path.mkdir),
    "loop": ("unreadable_audio", lambda path: path.symlink_to(path)),
    "escape": ("outside_root", lambda path: path.symlink_to(_outside(path))),
}


def _outside(path: Path) -> Path:
    """A sound clip beside the root: only the rule keeps it out."""
    clip = path.parents[3].parent / "outside.wav"
    clip.write_bytes(encoded(tone(), "WAV"))
    return clip


@dataclass
class DirtyTree:
    """The tree, what is to be quarantined, and the rows that are good."""

    root: Path
    entries: list[Expected] = field(default_factory=list)
    warnings: list[Expected] = field(default_factory=list)
    good: list[str] = field(default_factory=list)
    """Uuids in the order of the files."""
    bad_clip_rows: dict[str, str] = field(default_factory=dict)
    """Reason by uuid, for the rows whose clips are bad or missing: what a stream says of them."""
    clips: int = 0
    records: int = 0
    """Lines of metadata files that are not blank."""


def make_dirty_tree(root: Path) -> DirtyTree:
    tree = DirtyTree(root)
    _write_scp_and_clips(tree)
    _write_clip_rows(tree)
    _write_record_faults(tree)
    _write_broken_files(tree)
    tree.good.sort(
        key=lambda uuid: next(
            n for n, start in enumerate(("good", "warn", "whole")) if uuid.startswith(start)
        )
    )
    return tree


def _write_scp_and_clips(tree: DirtyTree) -> None:
    (tree.root / FOLDER).mkdir(parents=True)
    lines = []
    for n in range(3):
        lines.append(f"good_{n} {FOLDER}/good_{n}.flac".encode())
        write(tree.root, f"{FOLDER}/good_{n}.flac", encoded(tone(400 + n)))
        tree.clips += 1
    lines.append(lines[0])  # twice the same is nothing
    offset = sum(len(each) + 2 for each in lines)
    for reason, text, audio_id in SCP_FAULTS.values():
        tree.entries.append(Expected(SCP, len(lines) + 1, offset, reason, audio_id))
        lines.append(text)
        offset += len(text) + 2
    for audio_id, (reason, make) in CLIP_FAULTS.items():
        path = f"{FOLDER}/{audio_id}.wav"
        make(tree.root / path)
        lines.append(f"{audio_id}\t{path}".encode())
        tree.entries.append(Expected(path, None, None, reason, audio_id))
    write(tree.root, SCP, b"\r\n".join(lines) + b"\r\n\r\n")


def _write_lines(tree: DirtyTree, path: str, lines: list[tuple[bytes, Callable[[int, int], None]]]) -> None:
    """Write lines with a blank one after each; tell each its number and offset."""
    data = b""
    for number, (text, tell) in enumerate(lines):
        tell(2 * number + 1, len(data))
        data += text + b"\n \n"
    tree.records += len(lines)
    write(tree.root, path, data)


def _good(tree: DirtyTree, uuid: str) -> Callable[[int, int], None]:
    return lambda number, offset: tree.good.append(uuid)


def _write_record_faults(tree: DirtyTree) -> None:
    def bad(reason: str, uuid: str | None) -> Callable[[int, int], None]:
        audio_id = "99_Nobody" if reason == "unknown_audio_id" else None
        if audio_id:
            tree.bad_clip_rows[str(uuid)] = reason
        return lambda number, offset: tree.entries.append(
            Expected(ASR, number, offset, reason, audio_id, uuid)
        )

    lines = [(line("good-0", input=token("good_0")), _good(tree, "good-0"))]
    lines += [(text, bad(reason, uuid)) for reason, text, uuid in RECORD_FAULTS.values()]
    lines.append((line("good-1", input=token("good_1") + token("good_2")), _good(tree, "good-1")))
    _write_lines(tree, ASR, lines)


def _write_clip_rows(tree: DirtyTree) -> None:
    """Rows that need bad clips; and rows that are taken although something is odd."""

    def bad(uuid: str, audio_id: str) -> Callable[[int, int], None]:
        return lambda number, offset: tree.entries.append(
            Expected(CLIPS, number, offset, "unusable_audio", audio_id, uuid)
        )

    def warn(code: str, uuid: str) -> Callable[[int, int], None]:
        def tell(number: int, offset: int) -> None:
            tree.good.append(uuid)
            tree.warnings.append(Expected(CLIPS, number, offset, code, None, uuid))

        return tell

    lines = []
    for audio_id, (reason, _) in CLIP_FAULTS.items():
        uuid = f"needs-{audio_id}"
        tree.bad_clip_rows[uuid] = reason
        lines.append((line(uuid, input=token("good_0") + token(audio_id)), bad(uuid, audio_id)))
    asr = {"input": token("good_0")}
    lines += [
        (
            line("warn-major", task_type=kind(major="Music Tagging"), **asr),
            warn("major_differs", "warn-major"),
        ),
        (line("warn-mute", input="no sound"), warn("no_audio", "warn-mute")),
        (line("warn-twice", **asr), _good(tree, "warn-twice")),
        (line("warn-twice", **asr), warn("duplicate_uuid", "warn-twice")),
    ]
    _write_lines(tree, CLIPS, lines)


def _write_broken_files(tree: DirtyTree) -> None:
    # Noise behind the first row, so that the cut is far from it.
    noise = standard("whole-1", input=token("good_0"), output=os.urandom(60_000).hex())
    write(tree.root, CUT, line("whole-0", input=token("good_0")) + b"\n" + noise + b"\n")
    path = tree.root / CUT
    path.write_bytes(path.read_bytes()[:-5000])
    tree.good.append("whole-0")
    tree.records += 1
    tree.entries.append(Expected(CUT, None, None, "bad_gzip"))

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    write(tree.root, BOMB[:-3], bomb).rename(tree.root / BOMB)
    tree.entries.append(Expected(BOMB, None, None, "gzip_bomb"))

    write(tree.root, EMPTY, b"\n \r\n\n")
    write(tree.root, EMPTY.replace("empty", "zero"), b"")
    write(tree.root, EMPTY.replace("empty", "nil") + ".gz", b"")
    write(tree.root, MISPLACED, line("nobody-finds-me"))
    write(tree.root, MISPLACED_SCP, b"a b")
    tree.entries += [Expected(path, None, None, "misplaced_file") for path in (MISPLACED, MISPLACED_SCP)]
