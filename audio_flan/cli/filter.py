"""``audio-flan filter``: which rows pass, and why others do not."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from audio_flan.cli.filter_options import (
    Config,
    Corpora,
    Licence,
    MaxSeconds,
    MinSeconds,
    Scripts,
    Split,
    Tasks,
    Unseen,
    Where,
)
from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token


def filter_(
    root: Root,
    where: Where = None,
    config: Config = "all",
    split: Split = None,
    tasks: Tasks = None,
    corpora: Corpora = None,
    unseen: Unseen = None,
    min_seconds: MinSeconds = None,
    max_seconds: MaxSeconds = None,
    scripts: Scripts = None,
    licence: Licence = "any",
    ids: Annotated[
        Path | None,
        typer.Option("--ids", help="Write who stays: Parquet with uuid, task, split, corpus; or .jsonl."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="Write a plan that takes what stays of one --split, each row once."),
    ] = None,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Say how many rows of ROOT pass all conditions, and for which reason the others do not.

    Exit code 1 when nothing passes.

    Columns: uuid, instruction, input, output, split, domain, major, minor, task, direction, unseen, source,
    corpus, other, extra, input_audio_ids, output_audio_ids, input_seconds, output_seconds.

    Example: audio-flan filter demo --max-seconds 10 --where "output LIKE '%piano%'"
    """
    from audio_flan.analysis.filtering import check_ids_path, filter_rows
    from audio_flan.cli.output import labelled_progress, print_json, print_table, printable

    started = time.monotonic()
    with labelled_progress() as progress:
        filtered = filter_rows(
            root,
            where,
            config=config,
            split=split or None,
            tasks=tasks or (),
            corpora=corpora or (),
            unseen=unseen,
            min_seconds=min_seconds,
            max_seconds=max_seconds,
            scripts=scripts or (),
            licence=licence,  # type: ignore[arg-type] # it is checked there
            token=token,
            revision=revision,
            cache_dir=cache_dir,
            progress=progress,
        )
        if plan:
            filtered.check_plannable()
        if ids:
            check_ids_path(ids)
        summary = filtered.summary()
    if as_json:
        print_json(summary.as_json() | {"seconds_taken": round(time.monotonic() - started, 3)})
    else:
        rows_in = summary.rows + sum(summary.removed.values())
        gone = [(reason, rows, _percent(rows, rows_in)) for reason, rows in summary.removed.items()]
        print_table(
            ("", "rows", "share %"),
            [("stay", summary.rows, _percent(summary.rows, rows_in)), *gone, ("in all", rows_in, 100.0)],
        )
        typer.echo(
            f"{summary.clips:,} references to clips, {summary.seconds / 3600:,.2f} h, in those that stay"
        )
        if summary.unknown_licences:
            names = printable(", ".join(summary.unknown_licences))
            typer.echo(f"nobody knows whether their licence allows it: {names}")
        if summary.quarantined:
            total = sum(summary.quarantined.values())
            typer.echo(
                f"{total:,} quarantined before that; `audio-flan validate {shlex.quote(root)}` names them"
            )
    if not summary.rows:
        typer.echo("nothing passes", err=True)
        raise typer.Exit(1)
    if ids:
        filtered.write_ids(ids)
    if plan:
        filtered.plan().save(plan)
    if not as_json:
        for path in filter(None, (ids, plan)):
            typer.echo(f"wrote {path}")
        conditions = f"--plan {shlex.quote(str(plan))}" if plan else "with the same options"
        typer.echo(f"Next: audio-flan export {shlex.quote(root)} OUT {conditions}")


def _percent(rows: int, total: int) -> float:
    return 100 * rows / total if total else 0.0
