"""``audio-flan card``: the dataset card of a built root."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from audio_flan.cli.options import BuiltRoot, Json


def card(
    root: BuiltRoot,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write them to this folder, and leave those of ROOT as they are."),
    ] = None,
    repo_id: Annotated[
        str | None,
        typer.Option(
            "--repo-id", help="ORG/NAME on the Hub, for the card's lines of code; by default the one it has."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 when they are not up to date.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the card of ROOT from its manifest: README.md and croissant.json.

    README.md has the YAML configs, counts, licences and limits; what people wrote outside of its marked block
    stays. croissant.json is the metadata that data set searches and `mlcroissant` read.

    Example: audio-flan card demo-indexed --repo-id ORG/NAME
    """
    from audio_flan.card import make_card_files, repo_of_card
    from audio_flan.cli.output import print_json
    from audio_flan.release.repo_id import check_repo_id
    from audio_flan.shards import read_manifest
    from audio_flan.shards.atomic import output_path, write_atomically

    if repo_id:
        check_repo_id(repo_id)
    repo_id = repo_id or repo_of_card(root)
    folder = out or root
    made = {folder / name: data for name, data in make_card_files(root, read_manifest(root), repo_id).items()}
    stale = [path for path, data in made.items() if not path.is_file() or path.read_bytes() != data]
    if not check:
        for path in stale:
            write_atomically(output_path(path), made[path])
    if as_json:
        files = {str(path): len(data) for path, data in made.items()}
        print_json({"files": files, "up_to_date": not stale, "written": not check})
        raise typer.Exit(1 if check and stale else 0)
    for path, data in made.items():
        state = "not what `audio-flan card` writes" if check else "written"
        typer.echo(f"{path}: {len(data):,} bytes, {state if path in stale else 'up to date'}")
    if check and stale:
        raise typer.Exit(1)
    if not check:
        typer.echo(
            f"Next: audio-flan publish {shlex.quote(str(root))} --repo-id {repo_id or 'ORG/NAME'} --dry-run"
        )
