"""``audio-flan export``: a subset, in the form that is wanted."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from audio_flan.cli.long_work import going_on_later, in_earnest, parse_size
from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token

if TYPE_CHECKING:
    from audio_flan.exporting import ExportPlan, ExportSummary


def export(
    root: Root,
    out: Annotated[str, typer.Argument(help="An empty or new folder, or one with the same, unfinished.")],
    plan: Annotated[
        Path | None, typer.Option("--plan", help="A plan for these data, by `audio-flan rebalance`.")
    ] = None,
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
    to: Annotated[
        str, typer.Option("--to", help="embedded, indexed, release, webdataset, jsonl or chat.")
    ] = "embedded",
    style: Annotated[
        str | None, typer.Option("--style", help="For chat: qwen2-audio, ms-swift or llama-factory.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Processes.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another order.")] = 0,
    shard_size: Annotated[
        str, typer.Option("--shard-size", help="Size of tars and of row files.", metavar="SIZE")
    ] = "512MB",
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run stopped, or start anew.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written.")] = False,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Write the rows of ROOT that a plan draws, or that pass all conditions, and their clips to OUT.

    Killed, it goes on where it stopped. Exit code 1 when no row is left.

    Example: audio-flan export demo subset --config speech --max-seconds 10 --to webdataset
    """
    from audio_flan.cli.output import labelled_progress, print_json
    from audio_flan.exporting import EmptySelectionError, plan_export
    from audio_flan.exporting import export as run

    what: dict[str, Any] = {
        "plan": plan, "where": where, "config": config, "split": split or None, "tasks": tasks or (),
        "corpora": corpora or (), "unseen": unseen, "min_seconds": min_seconds, "max_seconds": max_seconds,
        "scripts": scripts or (), "licence": licence, "to": to, "style": style, "token": token,
        "revision": revision, "cache_dir": cache_dir, "shard_size": parse_size(shard_size),
    }  # fmt: skip
    try:
        if dry_run:
            with labelled_progress() as report:
                planned = plan_export(root, out, jobs=jobs, progress=report, **what)
            print_json(planned.as_json()) if as_json else _show_plan(planned)
            return
        with going_on_later(Path(out)), labelled_progress() as report:
            made = run(root, out, jobs=jobs, seed=seed, resume=resume, progress=report, **what)
    except EmptySelectionError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    print_json(made.as_json()) if as_json else _show(made, root)


def _show_plan(plan: "ExportPlan") -> None:
    from audio_flan.cli.output import print_table

    by_task: dict[tuple[str, str, str], list[int]] = {}
    for leaf in plan.leaves:
        counts = by_task.setdefault((leaf.split, leaf.direction, leaf.task), [0, 0])
        counts[0] += leaf.rows
        counts[1] += leaf.distinct
    print_table(
        ("split", "direction", "task", "rows", "different rows"),
        [(*key, *counts) for key, counts in sorted(by_task.items())],
    )
    if plan.quarantined:
        print_table(("not written", "rows"), list(plan.quarantined.items()))
    typer.echo(
        f"{plan.to}: {plan.rows:,} rows, {plan.distinct_rows:,} of them different; {plan.clips:,} clips; "
        f"{plan.seconds / 3600:,.2f} h of audio, repeats counted"
    )
    typer.echo(f"Next: {in_earnest(sys.argv)}")


def _show(summary: "ExportSummary", root: str) -> None:
    from audio_flan.cli.output import human_bytes, print_table

    typer.echo(
        f"{summary.out}: {summary.rows:,} of {summary.rows_selected:,} selected rows, "
        f"{summary.clips:,} clips, {summary.files:,} files of {human_bytes(summary.bytes)} "
        f"in {summary.seconds:,.1f} s"
    )
    if summary.quarantined:
        print_table(("not written", "rows"), list(summary.quarantined.items()))
        typer.echo(f"{summary.out}/quarantine.jsonl names each")
    if summary.unread:
        typer.echo(
            f"records of the source that could not be read: {summary.unread:,}; "
            f"`audio-flan validate {shlex.quote(root)}` names them"
        )
    out = shlex.quote(summary.out)
    if summary.to in ("embedded", "indexed"):
        typer.echo(
            f"datasets.load_dataset({summary.out!r}, 'all') has all rows, the default, `sample`, a few"
        )
    if summary.to in ("embedded", "indexed", "release"):
        typer.echo(f"Next: audio-flan stats {out}   audio-flan validate {out}")
    else:
        typer.echo(f"Next: {out}/README.md says how to load it")
