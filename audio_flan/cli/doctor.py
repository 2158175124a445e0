"""``audio-flan doctor``: what this installation can do, and what to do about what it cannot."""

from itertools import groupby

import typer

from audio_flan.cli.options import Json


def doctor(as_json: Json = False) -> None:
    """Look at packages, extras, decoders and the Hub, and say what to do about what is not there.

    Exit code 1 means that something is broken which everything needs.

    Example: audio-flan doctor
    """
    from audio_flan.cli.output import print_json, print_table
    from audio_flan.installation import State, examine

    installation = examine()
    if as_json:
        print_json(installation.as_json())
    else:
        for area, findings in groupby(installation.findings, key=lambda finding: finding.area):
            print_table(("what", "state", "found"), [(f.name, f.state, f.found) for f in findings], area)
        for finding in installation.open:
            typer.echo(f"{finding.name} ({finding.area}): {finding.remedy}")
        absent = dict.fromkeys(f.name for f in installation.findings if f.state is State.MISSING)
        if installation.works:
            without = f", without {', '.join(absent)}" if absent else ""
            typer.echo(f"\naudio-flan {installation.version} works{without}\nNext: audio-flan demo")
        else:
            typer.echo(
                f"\naudio-flan {installation.version} does not work yet\nThen again: audio-flan doctor"
            )
    if not installation.works:
        raise typer.Exit(1)
