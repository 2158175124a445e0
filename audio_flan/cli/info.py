"""``audio-flan info``: what a tree holds."""

import shlex

import typer

from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token


def info(
    root: Root,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Say what form ROOT has, how many rows by domain, direction, split and corpus, and its size.

    Example: audio-flan info demo
    """
    from audio_flan.cli.output import human_bytes, print_json, print_table, progress
    from audio_flan.records import SPLITS
    from audio_flan.streaming import open_root

    source = open_root(root, token=token, revision=revision, cache_dir=cache_dir)
    with progress("reading metadata") as report:
        summary = source.summarise(report)
    if as_json:
        print_json(summary.as_json())
        return
    typer.echo(f"{summary.root}: {summary.form} form")
    kind = "metadata files" if summary.form == "release" else "row files"
    typer.echo(f"{summary.rows:,} rows in {summary.row_files:,} {kind}, {human_bytes(summary.row_bytes)}")
    embedded = summary.form == "embedded"
    size = "in the rows" if embedded else human_bytes(summary.audio_bytes)
    typer.echo(f"{summary.clips:,} clips, {size}")
    for column in ("domain", "direction", "split"):
        counts: dict[str, int] = getattr(summary, column)
        order = SPLITS if column == "split" else sorted(counts)
        print_table(
            (column, "rows", "share %"), [_share(key, counts.get(key, 0), summary.rows) for key in order]
        )
    print_table(
        ("corpus", "rows", "share %"), [_share(k, n, summary.rows) for k, n in summary.corpus.items()]
    )
    configs: list[tuple[str | int, ...]] = [
        (name, *(counts[split] for split in SPLITS), sum(counts.values()))
        for name, counts in summary.config_rows().items()
        if sum(counts.values())
    ]
    print_table(("config", *SPLITS, "rows"), configs)
    if summary.quarantined:
        total = sum(summary.quarantined.values())
        typer.echo(
            f"{total:,} quarantined: {', '.join(f'{n:,} {r}' for r, n in summary.quarantined.items())}"
        )
        typer.echo(f"Next: audio-flan validate {shlex.quote(root)}")
    else:
        typer.echo(f"Next: audio-flan peek {shlex.quote(root)} {configs[0][0] if configs else 'all'}")


def _share(key: str, rows: int, total: int) -> tuple[str, int, float]:
    return key, rows, 100 * rows / total if total else 0.0
