"""The hash of whole files."""

from pathlib import Path
from typing import Final

from xxhash import xxh3_64

_READ_BYTES: Final = 1 << 22


def hash_file(path: Path) -> str:
    """Return the 64-bit XXH3 of a file, as 16 hex digits."""
    digest = xxh3_64()
    with path.open("rb", buffering=0) as handle:
        while part := handle.read(_READ_BYTES):
            digest.update(part)
    return digest.hexdigest()
