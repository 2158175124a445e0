"""``audio-flan audit-ledger``: what a stream has given out, compared with what was planned."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from audio_flan.cli.options import CacheDir, Json, Revision, Token

_SHOWN = 20


def audit_ledger(
    ledger: Annotated[Path, typer.Argument(help="The folder that the stream was given as ledger=.")],
    root: Annotated[
        str,
        typer.Argument(
            help="The built data that were streamed: a folder, ORG/NAME on the Hub, or a URL.",
            show_default=False,
        ),
    ],
    plan: Annotated[
        Path | None, typer.Option("--plan", help="The plan that was streamed, a TOML file.")
    ] = None,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Compare the rows that a stream of ROOT has given out with those that it should have.

    Exits with 1 when rows before the last were never given out, were given out again, or were skipped.

    Example: audio-flan audit-ledger runs/ledger demo-indexed --plan plan.toml
    """
    import audio_flan
    from audio_flan.cli.output import labelled_progress, print_json

    with labelled_progress() as progress:
        audit = audio_flan.audit_ledger(
            ledger,
            root,
            plan=plan,
            token=token,
            revision=revision,
            cache_dir=cache_dir,
            progress=progress,
        )
    if as_json:
        print_json(asdict(audit) | {"leaves": audit.leaves.to_dicts(), "is_clean": audit.is_clean})
    else:
        _show(audit)
    if not audit.is_clean:
        raise typer.Exit(1)


def _show(audit: Any) -> None:  # noqa: ANN401 - a LedgerAudit; importing it for the hint loads polars
    from audio_flan.cli.output import print_table

    columns = ("epoch", "rows", "given", "again", "padding", "never", "skipped", "not reached")
    print_table(columns, [tuple(asdict(epoch).values()) for epoch in audit.epochs], "Epochs")
    gaps = audit.leaves.with_columns(gap=(audit.leaves["observed"] - audit.leaves["planned"]).abs())
    leaves = gaps.sort("gap", descending=True, maintain_order=True).head(_SHOWN)
    print_table(
        ("leaf", "planned", "observed", "planned %", "observed %", "most", "fewest", "unseen"),
        [
            (
                leaf["name"],
                round(leaf["planned"], 1),
                leaf["observed"],
                f"{leaf['planned_share']:.2%}",
                f"{leaf['observed_share']:.2%}",
                leaf["most"],
                leaf["fewest"],
                leaf["unseen"],
            )
            for leaf in leaves.iter_rows(named=True)
        ],
        f"Leaves, those furthest from the plan first ({len(leaves)} of {len(audit.leaves)})",
    )
    for title, rows in (("again", audit.again), ("never", audit.never), ("skipped", audit.skipped)):
        for row in rows:
            place = f"epoch {row.epoch}, position {row.position}"
            typer.echo(f"{title}: {row.uuid} of {row.task}, {row.corpus} ({place})")
    for name in audit.copies:
        typer.echo(f"not counted, as it is a copy of another file: {name}")
    for name in audit.cut_off:
        typer.echo(f"cut off by a crash: {name}; rows of its last seconds are missing in it")
    if audit.is_clean:
        typer.echo(f"All rows up to the last were given out once, by {audit.files} files.")
    else:
        typer.echo("Rows were given out again, never or skipped: see above.")
