"""Reading builds in tests, with nothing but pyarrow and the layout."""

from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from audio_flan.building import BuildSummary
from audio_flan.building.workspace import WORK_FOLDER
from audio_flan.records.schema import AUDIO_COLUMNS
from audio_flan.shards import parse_cell, read_manifest

Key = tuple[str, str, str]


class Built(NamedTuple):
    """A build and what it said of itself."""

    root: Path
    summary: BuildSummary

    def rows(self) -> list[dict[str, Any]]:
        """All rows, in the order of the row files."""
        return rows_of(self.root)

    def by_key(self) -> dict[Key, dict[str, Any]]:
        """Rows by uuid, task and split."""
        return {key_of(row): row for row in self.rows()}

    def cell_bytes(self, cell: dict[str, Any]) -> bytes:
        """The clip of a cell, read from its range where it is not in the cell."""
        if cell["bytes"] is not None:
            return cell["bytes"]
        place = parse_cell(cell["path"])
        with (self.root / place.shard).open("rb") as handle:
            handle.seek(place.offset)
            return handle.read(place.nbytes)


def rows_of(root: Path, config: str = "all") -> list[dict[str, Any]]:
    files = read_manifest(root).row_files(config, ("train", "validation", "test"))
    return [row for file in files for row in pq.read_table(root / file.path).to_pylist()]


def key_of(row: dict[str, Any]) -> Key:
    return row["uuid"], row["task"], row["split"]


def cells_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for column in AUDIO_COLUMNS for cell in row[column]]


def tree(root: Path) -> dict[str, bytes]:
    """All that is below a folder: files by path, folders as well; but not what is kept for the next build."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"folder"
        for path in sorted(root.rglob("*"))
        if path.relative_to(root).parts[0] != WORK_FOLDER
    }
