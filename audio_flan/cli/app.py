"""``audio-flan``: the commands put together, and errors turned into one message and an exit code."""

import io
import sys
from typing import Annotated

import typer

from audio_flan._version import __version__
from audio_flan.cli import (
    audit_ledger,
    build,
    card,
    demo,
    doctor,
    export,
    info,
    peek,
    publish,
    rebalance,
    rebase,
    stats,
    tasks,
    validate,
)
from audio_flan.cli.filter import filter_

EXIT_UNUSABLE = 2
"""Wrong usage, or data that cannot be used."""
EXIT_STOPPED = 130
"""Stopped by Ctrl-C."""

app = typer.Typer(
    name="audio-flan",
    help="Load, stream, inspect and check Audio-FLAN: speech, music and sound in 80 instruction tasks.",
    epilog="Start with:  audio-flan demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("tasks")(tasks.tasks)
app.command("info")(info.info)
app.command("peek")(peek.peek)
app.command("stats")(stats.stats)
app.command("filter")(filter_)
app.command("rebalance")(rebalance.rebalance)
app.command("export")(export.export)
app.command("audit-ledger")(audit_ledger.audit_ledger)
app.command("validate")(validate.validate)
app.command("build")(build.build)
app.command("card")(card.card)
app.command("rebase")(rebase.rebase)
app.command("publish")(publish.publish)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"audio-flan {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command line; anything a user can cause ends in one line on stderr, not in a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # no name or text is too odd to be printed
    try:
        app(prog_name="audio-flan")
    except SystemExit as end:
        if end.code == EXIT_STOPPED:  # typer turns Ctrl-C into this
            typer.echo("stopped", err=True)
        raise
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        # ValueError is the base of UnknownNameError, ReleaseError and AudioError; soundfile raises the last.
        typer.echo(f"error: {error}", err=True)
        sys.exit(EXIT_UNUSABLE)
    except Exception as error:
        polars = sys.modules.get("polars")
        if polars is None or not isinstance(error, polars.exceptions.PolarsError):
            raise
        typer.echo(f"error: {str(error).partition(chr(10))[0]}", err=True)
        sys.exit(EXIT_UNUSABLE)
