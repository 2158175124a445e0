"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[
    str,
    typer.Argument(help="The data in any form: a folder, ORG/NAME on the Hub, or a URL.", show_default=False),
]
ReleaseRoot = Annotated[
    str,
    typer.Argument(help="A release: a folder, ORG/NAME on the Hub, or a URL.", show_default=False),
]
BuiltRoot = Annotated[
    Path, typer.Argument(help="A folder that `audio-flan build` has made.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Token = Annotated[
    str | None, typer.Option("--token", help="Hub token; HF_TOKEN or the stored login by default.")
]
Revision = Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit on the Hub.")]
CacheDir = Annotated[
    Path | None,
    typer.Option("--cache-dir", help="Where facts about the data are kept; below HF_HOME by default."),
]
