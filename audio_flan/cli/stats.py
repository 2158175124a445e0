"""``audio-flan stats``: what is in the data, in numbers."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audio_flan.cli.filter_options import Config, Split
from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token

if TYPE_CHECKING:
    from audio_flan.analysis import Stats


def stats(
    root: Root,
    config: Config = "all",
    split: Split = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="Count by several of domain, major, task, direction, split, corpus, unseen at once: a,b,c.",
            metavar="COLUMNS",
        ),
    ] = None,
    tasks: Annotated[bool, typer.Option("--tasks", help="List the minor tasks, too.")] = False,
    recount: Annotated[
        bool, typer.Option("--recount", help="Count the rows; do not believe the manifest.")
    ] = False,
    audio: Annotated[
        bool, typer.Option("--audio", help="Hours and clips of each task, and how long its clips are.")
    ] = False,
    attributes: Annotated[
        bool, typer.Option("--attributes", help="Shares of audio attributes, as in Figure 3 of the paper.")
    ] = False,
    attributes_map: Annotated[
        Path | None,
        typer.Option("--attributes-map", help="The same by your own JSON: {task: [attributes]}."),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="The labels in the answers of closed-set tasks.")
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", help="How varied the instructions are, and how long the texts.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="The same as --tasks --audio --attributes --labels --text.")
    ] = False,
    against_paper: Annotated[
        bool, typer.Option("--against-paper", help="Beside the counts that the paper prints.")
    ] = False,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV; with --by, of that table alone.")] = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page with charts and tables, for any browser, offline."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the charts as a picture: .svg or .png.")
    ] = None,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Count rows, clips and hours of ROOT by domain, task, direction, split and corpus.

    A built root is counted by its manifest. Exit code 1 when nothing matches, or a recount differs.

    Example: audio-flan stats demo --config music --by task,split
    """
    from audio_flan import analysis
    from audio_flan.cli.output import labelled_progress, print_json

    if sum((as_json, as_csv, as_markdown)) > 1:
        raise typer.BadParameter("take one of --json, --csv and --md")
    if html or plot:
        from audio_flan.analysis.report.charts import check_can_draw

        check_can_draw(plot)
    with labelled_progress() as progress:
        found = analysis.stats(
            root,
            config,
            split or None,
            by=_names(by),
            recount=recount,
            audio=audio or everything,
            attributes=attributes_map or bool(attributes or everything or html or plot),
            labels=labels or everything,
            text=text or everything,
            paper=against_paper,
            token=token,
            revision=revision,
            cache_dir=cache_dir,
            progress=progress,
        )
    written = _write(found, html, plot)
    if as_json:
        print_json(found.as_json())
    elif as_csv or as_markdown:
        from audio_flan.analysis import report

        typer.echo(report.as_csv(found) if as_csv else report.as_markdown(found), nl=False)
    else:
        _print(found, tasks or everything)
        for path in written:
            typer.echo(f"wrote {path}")
        typer.echo(f"Next: {_next(found, root)}")
    if found.differences:
        typer.echo("the manifest is not true; `audio-flan validate --deep` says more", err=True)
    if not found.rows:
        typer.echo("nothing matches", err=True)
    if found.differences or not found.rows:
        raise typer.Exit(1)


def _names(by: str | None) -> list[str]:
    return [name.strip() for name in (by or "").split(",") if name.strip()]


def _write(found: "Stats", html: Path | None, plot: Path | None) -> list[Path]:
    """Write what goes to files."""
    if html:
        from audio_flan.analysis.report.page import write_page

        write_page(found, html)
    if plot:
        from audio_flan.analysis.report.charts import write_plot

        write_plot(found, plot)
    return [path for path in (html, plot) if path]


def _print(found: "Stats", tasks: bool) -> None:
    """Print tables for people."""
    from audio_flan.analysis.report import tables_of
    from audio_flan.cli.output import print_wide_table, printable

    source = "its manifest" if found.rows_from == "manifest" else "its rows"
    typer.echo(
        f"{printable(found.root)}: {found.form} form, {found.config}, {', '.join(found.splits)}; by {source}"
    )
    for table in tables_of(found):
        if table.rows and (not table.detail or (tasks and table.name == "task")):
            print_wide_table(table.columns, table.rows, table.title)
    if found.clips is None:
        typer.echo("Different clips of a part of the data are counted with --recount.")
    if found.rows_from != found.references_from:
        typer.echo(
            "How often rows refer to clips is counted with --recount --audio; above it is by the manifest."
        )
    if found.labels is not None or found.text is not None:
        typer.echo("Rows by label, and lengths of texts: with --json, --csv, --md or --html.")
    for difference in found.differences:
        typer.echo(printable(difference))


def _next(found: "Stats", root: str) -> str:
    root = shlex.quote(root)
    if not found.rows:
        return f"audio-flan stats {root}"
    if found.quarantined:
        return f"audio-flan validate {root}"
    return f"audio-flan stats {root} --all --html stats.html"
