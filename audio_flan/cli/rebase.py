"""``audio-flan rebase``: another base for the audio cells of an indexed root."""

from typing import Annotated

import typer

from audio_flan.cli.options import BuiltRoot, Json


def rebase(
    root: BuiltRoot,
    base: Annotated[
        str,
        typer.Option(
            "--base", help='hf://datasets/ORG/NAME, with @REV where wanted, or https://...; "" for none.'
        ),
    ],
    as_json: Json = False,
) -> None:
    """Write into the rows of ROOT where their clips can be read; killed, the same command goes on.

    Example: audio-flan rebase demo-indexed --base hf://datasets/ORG/NAME
    """
    from audio_flan.cli.output import labelled_progress, print_json
    from audio_flan.publishing import rebase as run

    with labelled_progress() as report:
        summary = run(root, base, progress=report)
    if as_json:
        print_json(summary.as_json())
    elif summary.form == "embedded":
        typer.echo(f"{root} is embedded: its rows carry their clips, there is nothing to do")
    else:
        where = summary.base or "the folder that it is read from"
        typer.echo(f"{root}: {summary.rewritten:,} of {summary.row_files:,} row files written anew")
        typer.echo(f"clips are at {where}")
        typer.echo(f"Next: audio-flan validate {root}")
