"""``audio-flan card``: the dataset card of a built root."""

from pathlib import Path
from typing import Annotated

import typer

from audio_flan.cli.options import BuiltRoot, Json


def card(
    root: BuiltRoot,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this file, and leave README.md as it is.")
    ] = None,
    repo_id: Annotated[
        str | None,
        typer.Option(
            "--repo-id", help="ORG/NAME on the Hub, for the card's lines of code; by default the one it has."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 when README.md is not up to date.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the card of ROOT from its manifest: YAML configs, counts, licences, limits.

    What people wrote into README.md outside of the marked block stays.

    Example: audio-flan card demo-indexed --repo-id ORG/NAME
    """
    from audio_flan.card import CARD_NAME, make_card, repo_of_card
    from audio_flan.cli.output import print_json
    from audio_flan.shards import read_manifest
    from audio_flan.shards.atomic import output_path, write_atomically

    repo_id = repo_id or repo_of_card(root)
    path = out or root / CARD_NAME
    made = make_card(root, read_manifest(root), repo_id).encode()
    current = path.is_file() and path.read_bytes() == made
    if not check and not current:
        write_atomically(output_path(path), made)
    if as_json:
        print_json({"path": str(path), "bytes": len(made), "up_to_date": current, "written": not check})
    elif check:
        typer.echo(f"{path} is {'up to date' if current else f'not what `audio-flan card {root}` writes'}")
    else:
        typer.echo(f"{path}: {len(made):,} bytes{', as it was' if current else ''}")
        typer.echo(f"Next: audio-flan publish {root} --repo-id {repo_id or 'ORG/NAME'} --dry-run")
    if check and not current:
        raise typer.Exit(1)
