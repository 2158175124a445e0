"""The hash of whole files, and of the footers of Parquet."""

import os
from pathlib import Path
from typing import Final

from xxhash import xxh3_64, xxh3_64_hexdigest

PARQUET_TRAILER_BYTES: Final = 8
"""The length of the footer in four bytes, and ``PAR1``."""
_READ_BYTES: Final = 1 << 22


def hash_file(path: Path) -> str:
    """Return the 64-bit XXH3 of a file, as 16 hex digits."""
    digest = xxh3_64()
    with path.open("rb", buffering=0) as handle:
        while part := handle.read(_READ_BYTES):
            digest.update(part)
    return digest.hexdigest()


def hash_footer(path: Path) -> str:
    """Return the 64-bit XXH3 of the footer of a Parquet file, with its length and magic number at the end."""
    with path.open("rb") as handle:
        handle.seek(-PARQUET_TRAILER_BYTES, os.SEEK_END)
        footer_bytes = int.from_bytes(handle.read(4), "little") + PARQUET_TRAILER_BYTES
        handle.seek(-footer_bytes, os.SEEK_END)
        return xxh3_64_hexdigest(handle.read())
