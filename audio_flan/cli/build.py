"""``audio-flan build``: from a release to the indexed or the embedded form."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token

if TYPE_CHECKING:
    from audio_flan.building import BuildPlan, BuildSummary

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?)B?\s*", re.IGNORECASE)


def _parse_size(text: str) -> int:
    """Read a size such as ``512MB``: powers of 1000."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"expected a size such as 512MB or 1GB, got {text!r}")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def build(
    release: Root,
    out: Annotated[Path, typer.Argument(help="An empty or new folder, or one with the same build.")],
    form: Annotated[
        str, typer.Option("--form", help="indexed: clips once, in tars; embedded: clips inside the rows.")
    ] = "indexed",
    config: Annotated[str, typer.Option("--config", help="Build the rows of one config only.")] = "all",
    splits: Annotated[
        list[str] | None, typer.Option("--split", help="train, validation or test; may be repeated.")
    ] = None,
    shard_size: Annotated[
        str, typer.Option("--shard-size", help="Size of tars and of row files.", metavar="SIZE")
    ] = "512MB",
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another order.")] = 0,
    verify: Annotated[
        str, typer.Option("--verify", help="header: check the header of each clip; decode: decode it whole.")
    ] = "header",
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run stopped, or start anew.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be made, and make nothing.")
    ] = False,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Build the indexed or the embedded form of RELEASE in OUT; killed, it goes on where it stopped.

    Example: audio-flan build demo demo-indexed --jobs 2
    """
    from audio_flan.building import build as run
    from audio_flan.building import plan_build
    from audio_flan.cli.output import labelled_progress, print_json
    from audio_flan.records import SPLITS
    from audio_flan.release import open_release

    opened = open_release(release, token=token, revision=revision, cache_dir=cache_dir)
    shared: dict[str, Any] = {
        "form": form,
        "config": config,
        "splits": splits or SPLITS,
        "shard_size": _parse_size(shard_size),
        "jobs": jobs,
    }
    with labelled_progress() as report:
        if dry_run:
            plan = plan_build(opened, progress=report, **shared)
        else:
            summary = run(
                opened, out, seed=seed, verify=verify, resume=resume, progress=report,  # type: ignore[arg-type]
                on_plan=None if as_json else _print_plan, **shared,
            )  # fmt: skip
    if as_json:
        print_json((plan if dry_run else summary).as_json())
    elif dry_run:
        _print_plan(plan)
    else:
        _print_summary(summary)


def _print_plan(plan: "BuildPlan") -> None:
    from audio_flan.cli.output import human_bytes

    typer.echo(
        f"plan: {plan.rows:,} rows, {plan.clips:,} clips of {human_bytes(plan.clip_bytes)}; {plan.form}: "
        f"{human_bytes(plan.audio_bytes)} of audio in about {plan.shards:,} shards"
    )


def _print_summary(summary: "BuildSummary") -> None:
    from audio_flan.cli.output import human_bytes, print_table, printable

    typer.echo(
        f"{summary.out}: {summary.rows:,} rows, {summary.clips:,} clips, "
        f"{summary.files:,} files of {human_bytes(summary.bytes)} in {summary.seconds:,.1f} s"
    )
    print_table(
        ("corpus", "rows in", "rows out", "quarantined", "clips", "MB of clips", "hours"),
        [
            (
                printable(each.corpus),
                each.rows_in,
                each.rows,
                each.rows_quarantined,
                each.clips,
                each.clip_bytes / 1e6,
                each.clip_seconds / 3600,
            )
            for each in summary.corpora
        ],
    )
    if summary.quarantined:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.quarantined.items())
        typer.echo(f"not taken: {reasons}; {summary.out}/quarantine/ names each")
