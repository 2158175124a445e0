"""What the files of a release hold, as a hash: the same for every copy of it, wherever it lies.

The hash of each file is kept between runs, and is good as long as the file keeps size and mark.
"""

import contextlib
from pathlib import Path
from typing import Final

import msgspec
from xxhash import xxh3_128, xxh3_128_hexdigest

from audio_flan.release import MetadataFile, Release
from audio_flan.release.cache import write_atomically
from audio_flan.release.tree import Entity, RemoteTree, Tree

_CHUNK_BYTES: Final = 1 << 20


class _Hashed(msgspec.Struct, frozen=True):
    size: int
    mark: str
    hash: str


def hash_contents(release: Release) -> str:
    """Return the 128-bit XXH3, as 32 hex digits, of the paths and bytes of the metadata and scp files.

    Of a release on the network, whose servers mark files by what they hold, it is the fingerprint: to read
    all files only to hash them would be to download them.
    """
    if isinstance(release.tree, RemoteTree):
        return release.fingerprint
    kept = release.cache / "contents.json"
    known, found = _read(kept), dict[str, _Hashed]()
    unread: list[str] = []
    files: list[MetadataFile | Entity] = [*release.layout.metadata, *release.layout.scp]
    for file in files:
        facts = known.get(file.path)
        if facts is None or (facts.size, facts.mark) != (file.size, file.mark):
            try:
                facts = _Hashed(file.size, file.mark, _hash(release.tree, file.path))
            except OSError:  # it has no rows, and next time it may be read
                unread.append(file.path)
                continue
        found[file.path] = facts
    if found != known:
        with contextlib.suppress(OSError):
            write_atomically(kept, msgspec.json.encode(found))
    hashes = sorted((path, facts.hash) for path, facts in found.items())
    return xxh3_128_hexdigest(repr((hashes, sorted(unread))).encode())


def _hash(tree: Tree, path: str) -> str:
    digest = xxh3_128()
    with tree.open(path) as file:
        while data := file.read(_CHUNK_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, _Hashed]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Hashed])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
