"""Options of commands that take some of the rows."""

from typing import Annotated

import typer

Config = Annotated[
    str, typer.Option("--config", help="One of the 112 configs; `audio-flan tasks` lists them.")
]
Split = Annotated[
    list[str] | None,
    typer.Option("--split", help="train, validation, test, train+test, all; again for more. All by default."),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        help="An SQL condition, such as \"domain = 'speech' AND list_max(input_seconds) < 30\".",
        metavar="SQL",
    ),
]
Tasks = Annotated[
    list[str] | None, typer.Option("--task", help="Rows of this config; again for more.", metavar="CONFIG")
]
Corpora = Annotated[list[str] | None, typer.Option("--corpus", help="Rows of this corpus; again for more.")]
Unseen = Annotated[
    bool | None, typer.Option("--unseen/--seen", help="Rows that are marked unseen, or marked seen.")
]
MinSeconds = Annotated[
    float | None, typer.Option("--min-seconds", help="Every clip of the row is at least so long.")
]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", help="Every clip of the row is at most so long.")
]
Scripts = Annotated[
    list[str] | None,
    typer.Option(
        "--script",
        help="Most letters of input and output are of this script, such as latin or han; again for more.",
    ),
]
Licence = Annotated[
    str,
    typer.Option(
        "--licence", help="any, commercial or permissive: of the corpus; unknown counts as not allowed."
    ),
]
