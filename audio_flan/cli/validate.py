"""``audio-flan validate``: check everything, and list what is wrong."""

from typing import Annotated

import typer

from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token

_SHOWN = 20


def validate(
    root: Root,
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every clip whole; without it only FLAC is.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare the hashes of whole files too (built roots).")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Threads that open clips.")] = 2,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Check that every row parses, every id resolves and every clip opens; exit with 1 when not.

    Of a built root the sizes of files, the hash of every clip and the counts are checked as well.

    Example: audio-flan validate demo --decode
    """
    from audio_flan.cli.output import labelled_progress, print_json, print_table, printable
    from audio_flan.streaming import open_root

    source = open_root(root, token=token, revision=revision, cache_dir=cache_dir)
    with labelled_progress() as report_progress:
        report = source.check(decode=decode, deep=deep, workers=workers, progress=report_progress)
    if as_json:
        print_json(report.as_json())
    else:
        how = "decoded whole" if decode else "opened"
        typer.echo(f"{report.rows:,} good rows, {report.clips:,} good clips ({how})")
        for name, found in (("quarantined", report.entries), ("warnings", report.warnings)):
            if found:
                print_table((name, "count"), found.by_reason.most_common())
                for entry in list(found)[:_SHOWN]:
                    typer.echo(f"  {printable(str(entry))}")
                if len(found) > _SHOWN:
                    typer.echo(f"  ... and {len(found) - _SHOWN:,} more; --json lists them all")
        if not report.entries:
            typer.echo("nothing is wrong")
    if report.entries:
        raise typer.Exit(1)
