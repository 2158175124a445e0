"""``audio-flan peek``: a few rows as a person reads them."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audio_flan.streaming import Row
    from audio_flan.waveform import LazyAudio


def peek(
    root: Root,
    config: Annotated[str, typer.Argument(help="Which rows: see `audio-flan tasks`.")] = "all",
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")] = 3,
    split: Annotated[str, typer.Option("--split", help="train, validation, test or all.")] = "train",
    save_audio: Annotated[
        Path | None, typer.Option("--save-audio", help="Folder for the clips of these rows, as WAV.")
    ] = None,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Show the first rows of CONFIG: texts, lengths, and where the sound comes from.

    Example: audio-flan peek demo speech_asr -n 2 --save-audio clips
    """
    from audio_flan.cli.output import print_json
    from audio_flan.streaming import stream

    source = stream(root, config, split, token=token, revision=revision, cache_dir=cache_dir)
    shown = list(islice(source, rows))
    if not shown:
        typer.echo(
            f"no rows of {config} in the split {split}; `audio-flan info {root}` shows what there is",
            err=True,
        )
        raise typer.Exit(1)
    saved = _save(shown, save_audio) if save_audio else 0
    if as_json:
        print_json([_as_json(row) for row in shown])
        return
    for row in shown:
        _print_row(row)
    if save_audio:
        typer.echo(f"{saved} clips saved in {save_audio}")


def _as_json(row: "Row") -> dict[str, Any]:
    facts = {column: [_facts(audio) for audio in row[column]] for column in ("input_audio", "output_audio")}
    return {**row, **facts}


def _facts(audio: "LazyAudio") -> dict[str, Any]:
    return {
        "id": audio.id,
        "location": audio.location,
        "format": audio.format,
        "sampling_rate": audio.sampling_rate,
        "channels": audio.channels,
        "seconds": audio.seconds,
    }


def _print_row(row: "Row") -> None:
    from audio_flan.cli.output import printable

    typer.secho(printable(f"{row['task']}  {row['split']}  {row['corpus']}  {row['uuid']}"), bold=True)
    for field in ("instruction", "input", "output"):
        lines = [printable(line) for line in row[field].splitlines()] or [""]
        typer.echo(f"  {field:<12}{lines[0]}")
        for line in lines[1:]:
            typer.echo(f"  {'':<12}{line}")
    for side in ("input", "output"):
        for audio in row[f"{side}_audio"]:
            channels = "mono" if audio.channels == 1 else f"{audio.channels} channels"
            facts = f"{audio.seconds:.2f} s, {audio.sampling_rate:,} Hz, {channels}, {audio.format}"
            typer.echo(printable(f"  {side + ' audio':<12}{audio.id}: {facts}, from {audio.location}"))
    typer.echo()


def _save(rows: "Sequence[Row]", folder: Path) -> int:
    """Write each clip of `rows` once as 32-bit float WAV, under a name made of safe characters of its id."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    clips = {audio.id: audio for row in rows for audio in (*row["input_audio"], *row["output_audio"])}
    taken: set[str] = set()
    for audio_id, audio in clips.items():
        name = "".join(c if (c.isascii() and c.isalnum()) or c in "-_" else "_" for c in audio_id)[:200]
        if name in taken:
            name = f"{name}-{len(taken)}"
        taken.add(name)
        soundfile.write(folder / f"{name}.wav", audio.decode().T, audio.sampling_rate, subtype="FLOAT")
    return len(clips)
