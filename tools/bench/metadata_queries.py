"""One question about the rows of a root, to one engine: ``metadata_queries.py ROOT SUBJECT ENGINE START``.

Prints the seconds that the answer took, those since START (of the clock `time.monotonic`, which processes
share), the peak of memory and a digest of the answer. `metadata.py` starts a fresh process for each. Imports
are done before the first clock starts, for every engine; files are opened after.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from xxhash import xxh3_64_hexdigest

COUNT_BY: Final = ("task", "direction", "domain", "split", "corpus")
ATTRIBUTE_BY: Final = ("domain", "task", "corpus")
LEAF_BY: Final = ("direction", "domain", "task", "corpus")
LENGTHS: Final = ("input_seconds", "output_seconds")
FILTERS: Final = {
    "one corpus of a task": "task = 'speech_asr' AND split = 'train' AND corpus = '11_MLS'",
    "by length": "domain = 'speech' AND list_max(input_seconds) < 5",
    "by text": "output LIKE '%male%'",
    "most rows": "split = 'train'",
}
"""What rows have to be, in the SQL of DuckDB and of `audio_flan.filter`."""
OURS: Final = "audio_flan"
MANIFEST: Final = f"{OURS}, manifest"
RECOUNT: Final = f"{OURS}, recount"
SAME_COLUMNS: Final = "polars, same columns"


class Question(NamedTuple):
    """What an engine is asked; `digest` is of what it returned, whatever the order of rows."""

    ask: Callable[[], Any]
    digest: Callable[[Any], str]


def count_with_polars(root: Path, by: tuple[str, ...]) -> Question:
    import polars as pl

    def ask() -> pl.DataFrame:
        return pl.scan_parquet(_files(root)).group_by(by).len().collect(engine="streaming")

    return Question(ask, lambda found: _counts_digest(found.rows()))


def count_with_duckdb(root: Path, by: tuple[str, ...]) -> Question:
    import duckdb

    sql = f"SELECT {', '.join(by)}, count(*) FROM read_parquet('{_files(root)}') GROUP BY ALL"
    return Question(lambda: duckdb.sql(sql).fetchall(), _counts_digest)


def count_with_pyarrow(root: Path, by: tuple[str, ...]) -> Question:
    from pyarrow import acero, dataset

    def ask() -> Any:
        columns = {name: dataset.field(name) for name in by}
        scan = acero.ScanNodeOptions(dataset.dataset(root / "data", format="parquet"), columns=columns)
        count = acero.AggregateNodeOptions([([], "hash_count_all", None, "rows")], keys=list(by))
        steps = [acero.Declaration("scan", scan), acero.Declaration("aggregate", count)]
        return acero.Declaration.from_sequence(steps).to_table().select([*by, "rows"])

    return Question(ask, lambda found: _counts_digest(row.values() for row in found.to_pylist()))


def count_with_lengths(root: Path, by: tuple[str, ...]) -> Question:
    """Let Polars group by the same columns, and add up the others that a recount reads."""
    import polars as pl

    def ask() -> pl.DataFrame:
        rows = pl.scan_parquet(_files(root)).group_by(by)
        seconds = (pl.col(name).list.sum().sum() for name in LENGTHS)
        return rows.agg(pl.len(), pl.col("unseen").sum(), *seconds).collect(engine="streaming")

    return Question(ask, lambda found: _counts_digest(found.select(*by, "len").rows()))


def count_ourselves(root: Path, by: tuple[str, ...], *, recount: bool) -> Question:
    from audio_flan import stats

    _import_ours(root)

    def digest(found: Any) -> str:
        return _counts_digest((*cell.key, cell.rows) for cell in found.cross.cells)

    return Question(lambda: stats(root, by=by, recount=recount), digest)


def attributes_ourselves(root: Path) -> Question:
    """Count attributes by the rows, not by the manifest."""
    from audio_flan import stats
    from audio_flan.taxonomy import taxonomy

    _import_ours(root)

    def digest(found: Any) -> str:
        rows = Counter[tuple[str, str, str]]()
        for count in found.counts:
            rows[taxonomy().tasks[count.task].domain, count.task, count.corpus] += count.rows
        return _counts_digest((*key, number) for key, number in rows.items())

    return Question(lambda: stats(root, recount=True, attributes=True), digest)


def plan_ourselves(root: Path) -> Question:
    from audio_flan import rebalance

    _import_ours(root)

    def ask() -> Any:
        halves = {"understanding": 0.5, "generation": 0.5}
        return rebalance(root, direction=halves, alpha=0.5, max_epochs=2, nearest=True)

    def digest(plan: Any) -> str:
        return _counts_digest(
            (*leaf.key, leaf.available, leaf.input_microseconds, leaf.target_microseconds)
            for leaf in plan.leaves
        )

    return Question(ask, digest)


def leaves_with_duckdb(root: Path) -> Question:
    """Let DuckDB count what a plan is made from."""
    import duckdb

    lengths = (f"sum(round_even(coalesce(list_sum({name}), 0) * 1e6, 0)::BIGINT)" for name in LENGTHS)
    sums = ", ".join((*lengths, "sum(strlen(output))"))
    sql = (
        f"SELECT {', '.join(LEAF_BY)}, count(*), {sums} FROM read_parquet('{_files(root)}') "
        "WHERE split = 'train' GROUP BY ALL"
    )
    return Question(lambda: duckdb.sql(sql).fetchall(), lambda rows: _counts_digest(row[:-1] for row in rows))


def filter_ourselves(root: Path, where: str, *, select: bool) -> Question:
    from audio_flan import filter as filter_rows

    _import_ours(root)
    if not select:
        return Question(lambda: filter_rows(root, where).rows, str)

    def ask() -> Any:
        return filter_rows(root, where).scan().select("uuid").collect(engine="streaming")

    return Question(ask, lambda found: _uuids_digest([found["uuid"].to_arrow()]))


def filter_with_duckdb(root: Path, where: str, *, select: bool) -> Question:
    import duckdb

    sql = f"SELECT {'uuid' if select else 'count(*)'} FROM read_parquet('{_files(root)}') WHERE {where}"
    if not select:
        return Question(lambda: duckdb.sql(sql).fetchall()[0][0], str)
    return Question(
        lambda: duckdb.sql(sql).to_arrow_table(), lambda found: _uuids_digest(found["uuid"].chunks)
    )


def filter_with_pyarrow(root: Path, name: str, *, select: bool) -> Question:
    from pyarrow import compute as pc
    from pyarrow import dataset

    field = dataset.field
    where = {
        "one corpus of a task": (field("task") == "speech_asr")
        & (field("split") == "train")
        & (field("corpus") == "11_MLS"),
        "by text": pc.match_substring(field("output"), "male"),
        "most rows": field("split") == "train",
    }[name]

    def ask() -> Any:
        rows = dataset.dataset(root / "data", format="parquet")
        return rows.to_table(columns=["uuid"], filter=where) if select else rows.count_rows(filter=where)

    return Question(ask, (lambda found: _uuids_digest(found["uuid"].chunks)) if select else str)


def questions() -> dict[str, dict[str, Callable[[Path], Question]]]:
    """Return who is asked what: by subject, and by engine."""
    counting = {"polars": count_with_polars, "duckdb": count_with_duckdb, "pyarrow": count_with_pyarrow}
    found: dict[str, dict[str, Callable[[Path], Question]]] = {
        "counts": {
            MANIFEST: partial(count_ourselves, by=COUNT_BY, recount=False),
            RECOUNT: partial(count_ourselves, by=COUNT_BY, recount=True),
            SAME_COLUMNS: partial(count_with_lengths, by=COUNT_BY),
            **{engine: partial(count, by=COUNT_BY) for engine, count in counting.items()},
        },
        "attributes": {
            OURS: attributes_ourselves,
            **{f"{engine}, rows": partial(count, by=ATTRIBUTE_BY) for engine, count in counting.items()},
        },
        "plan": {OURS: plan_ourselves, "duckdb, leaves": leaves_with_duckdb},
    }
    for name, where in FILTERS.items():
        for verb, select in (("count", False), ("select", True)):
            engines: dict[str, Callable[[Path], Question]] = {
                OURS: partial(filter_ourselves, where=where, select=select),
                "duckdb": partial(filter_with_duckdb, where=where, select=select),
            }
            if name != "by length":  # the expressions of pyarrow cannot look into lists
                engines["pyarrow"] = partial(filter_with_pyarrow, name=name, select=select)
            found[f"{verb} {name}"] = engines
    return found


def _import_ours(root: Path) -> None:
    """Open the root once: some modules are imported then."""
    from audio_flan import scan

    scan(root)


def _files(root: Path) -> str:
    return f"{root}/data/**/*.parquet"


def _counts_digest(rows: Iterable[Iterable[Any]]) -> str:
    return xxh3_64_hexdigest(repr(sorted(tuple(row) for row in rows)).encode())


def _uuids_digest(columns: Iterable[Any]) -> str:
    """Add up the hashes of the uuids in Arrow arrays; say how many they are."""
    import polars as pl

    total = count = 0
    for column in columns:
        uuids = pl.Series(pl.from_arrow(column))
        total, count = (total + uuids.hash().sum()) % (1 << 64), count + len(uuids)
    return f"{count} rows, {total:x}"


def _peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main() -> None:
    root, subject, engine, start = sys.argv[1:]
    question = questions()[subject][engine](Path(root))
    begin = time.monotonic()
    found = question.ask()
    end = time.monotonic()
    measured = {"seconds": end - begin, "process_seconds": end - float(start), "peak_mb": _peak_mb()}
    print(json.dumps(measured | {"digest": question.digest(found)}))


if __name__ == "__main__":
    main()
