"""``audio-flan tasks``: the taxonomy."""

from typing import Annotated

import typer

from audio_flan.cli.options import Json


def tasks(
    domain: Annotated[
        str | None, typer.Option("--domain", help="Only speech, music or audio (sound).", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """List the 80 minor tasks and their config names.

    Example: audio-flan tasks --domain music
    """
    from audio_flan.cli.output import print_json, print_table
    from audio_flan.taxonomy import UnknownNameError, resolve_domain, taxonomy
    from audio_flan.taxonomy.errors import nearest_names

    table = taxonomy()
    wanted = None
    if domain is not None:
        wanted = resolve_domain(domain)
        if wanted is None:
            raise UnknownNameError("domain", domain, nearest_names(domain, table.domains))
    rows = [
        (task.config, task.minor, task.major_config, task.direction)
        for task in table.tasks.values()
        if wanted in (None, task.domain)
    ]
    columns = ("config", "minor task", "major config", "direction")
    if as_json:
        print_json(
            [dict(zip(("config", "minor", "major_config", "direction"), row, strict=True)) for row in rows]
        )
        return
    print_table(columns, rows, f"{len(rows)} tasks" + (f" of {wanted}" if wanted else ""))
    typer.echo("Groups: all, understanding, generation, speech, music, audio, understanding_speech, ...")
