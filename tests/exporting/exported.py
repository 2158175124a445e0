"""Reading exports in tests."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from audio_flan.shards import read_manifest

SAYS_WHERE_FROM = {"README.md", "export.json", "plan.toml", "quarantine.jsonl"}
LEAF = ("direction", "domain", "task", "corpus")


def tree(root: Path, skip: frozenset[str] | set[str] = frozenset()) -> dict[str, bytes]:
    """All files below a folder by path."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in skip
    }


def json_lines(*paths: Path) -> list[Any]:
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def records(root: Path) -> Counter[str]:
    """The records of a release, as JSON that is equal for equal records."""
    texts = [path.read_bytes() for path in sorted(root.glob("metadata/**/*.jsonl"))]
    texts += [gzip.decompress(path.read_bytes()) for path in sorted(root.glob("metadata/**/*.jsonl.gz"))]
    lines = (line for text in texts for line in text.splitlines())
    return Counter(json.dumps(json.loads(line), sort_keys=True) for line in lines)


def clip_paths(root: Path) -> dict[str, Path]:
    """The files of the clips of a release by id, those in archives aside."""
    lines = [line for scp in root.glob("scp_files/*/*.scp") for line in scp.read_text().splitlines()]
    paths = dict(line.split(None, 1) for line in lines)
    return {key: root / path for key, path in paths.items() if (root / path).is_file()}


def clip_bytes(root: Path) -> dict[str, bytes]:
    """The clips of a release by id, those in archives aside."""
    return {key: path.read_bytes() for key, path in clip_paths(root).items()}


def rows(root: Path) -> list[dict[str, Any]]:
    """The rows of a built root, in the order of the row files."""
    files = read_manifest(root).row_files("all", ("train", "validation", "test"))
    return [row for file in files for row in pq.read_table(root / file.path).to_pylist()]


def by_leaf(found: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(row[level] for level in LEAF) for row in found)


def keys(found: list[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    return Counter((row["uuid"], row["task"], row["split"], row["output"]) for row in found)
