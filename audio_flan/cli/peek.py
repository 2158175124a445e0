"""``audio-flan peek``: a few rows as a person reads them."""

import shlex
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audio_flan.release import Entry
    from audio_flan.streaming import Row
    from audio_flan.waveform import LazyAudio

    Faults = dict[tuple[str, str], Entry]
    """Why a clip of a row cannot be read, by the uuid of the row and the id of the clip."""

_SIDES: Final = ("input", "output")


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

    A clip that cannot be read is named with the reason; the exit code is then 1.

    Example: audio-flan peek demo speech_asr -n 2 --save-audio clips
    """
    from audio_flan.cli.output import print_json
    from audio_flan.streaming import stream
    from audio_flan.waveform import AudioError

    if save_audio and save_audio.exists() and not save_audio.is_dir():
        raise typer.BadParameter(f"{save_audio} is a file: name a folder", param_hint="--save-audio")
    at: dict[str, Any] = {"token": token, "revision": revision, "cache_dir": cache_dir}
    shown: list[Row] = []
    faults: Faults = {}
    try:
        shown = list(islice(stream(root, config, split, **at), rows))
        _open_clips(shown, whole=save_audio is not None)
    except AudioError:
        # Once more, with what is wrong for each clip; it decodes them all, which good data are spared.
        source = stream(root, config, split, on_error="null", max_consecutive_failures=None, **at)
        shown = list(islice(source, rows))
        faults = {(each.uuid or "", each.audio_id or ""): each for each in source.quarantine}
    if as_json:
        print_json([_as_json(row, faults) for row in shown])
    else:
        for row in shown:
            _print_row(row, faults)
    if not shown:
        typer.echo(
            f"no rows of {config} in the split {split}; `audio-flan info {shlex.quote(root)}` shows what "
            "there is",
            err=True,
        )
        raise typer.Exit(1)
    if save_audio:
        saved = _save(shown, save_audio)
        if not as_json:
            typer.echo(f"{saved} clips saved in {save_audio}")
    if bad := sum(audio is None for row in shown for side in _SIDES for audio in row[f"{side}_audio"]):
        count = "1 clip" if bad == 1 else f"{bad} clips"
        hint = f"`audio-flan validate {shlex.quote(root)}` names all that is wrong"
        typer.echo(f"{count} cannot be read; {hint}", err=True)
        raise typer.Exit(1)


def _open_clips(rows: "Sequence[Row]", *, whole: bool) -> None:
    """Read the header of each clip, or decode it whole; `AudioError` for the first where that fails."""
    for audio in _clips(rows):
        if whole:
            audio.preload()
        else:
            _ = audio.header


def _clips(rows: "Sequence[Row]") -> "Iterator[LazyAudio]":
    """Yield the clips of rows, but for those that cannot be read."""
    for row in rows:
        for side in _SIDES:
            yield from (audio for audio in row[f"{side}_audio"] if audio is not None)


def _as_json(row: "Row", faults: "Faults") -> dict[str, Any]:
    facts = {
        f"{side}_audio": [
            _fault(audio_id, faults.get((row["uuid"], audio_id))) if audio is None else _facts(audio)
            for audio_id, audio in zip(row[f"{side}_audio_ids"], row[f"{side}_audio"], strict=True)
        ]
        for side in _SIDES
    }
    return {**row, **facts}


def _fault(audio_id: str, fault: "Entry | None") -> dict[str, Any]:
    """Return what `_facts` does, of a clip that cannot be read, and why that is so."""
    unknown = dict.fromkeys(("location", "format", "sampling_rate", "channels", "seconds"))
    return {"id": audio_id, **unknown, "error": fault.as_json() if fault else None}


def _facts(audio: "LazyAudio") -> dict[str, Any]:
    return {
        "id": audio.id,
        "location": audio.location,
        "format": audio.format,
        "sampling_rate": audio.sampling_rate,
        "channels": audio.channels,
        "seconds": audio.seconds,
    }


def _print_row(row: "Row", faults: "Faults") -> None:
    from audio_flan.cli.output import printable

    typer.secho(printable(f"{row['task']}  {row['split']}  {row['corpus']}  {row['uuid']}"), bold=True)
    for field in ("instruction", "input", "output"):
        lines = [printable(line) for line in row[field].splitlines()] or [""]
        typer.echo(f"  {field:<12}{lines[0]}")
        for line in lines[1:]:
            typer.echo(f"  {'':<12}{line}")
    for side in _SIDES:
        for audio_id, audio in zip(row[f"{side}_audio_ids"], row[f"{side}_audio"], strict=True):
            if audio is None:
                facts = f"cannot be read: {faults.get((row['uuid'], audio_id), 'validate says why')}"
            else:
                channels = "mono" if audio.channels == 1 else f"{audio.channels} channels"
                facts = f"{audio.seconds:.2f} s, {audio.sampling_rate:,} Hz, {channels}, {audio.format}"
                facts += f", from {audio.location}"
            typer.echo(printable(f"  {side + ' audio':<12}{audio_id}: {facts}"))
    typer.echo()


def _save(rows: "Sequence[Row]", folder: Path) -> int:
    """Write each clip of `rows` once as 32-bit float WAV, under a name made of safe characters of its id."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    clips = {audio.id: audio for audio in _clips(rows)}
    taken: set[str] = set()
    for audio_id, audio in clips.items():
        name = "".join(c if (c.isascii() and c.isalnum()) or c in "-_" else "_" for c in audio_id)[:200]
        if name in taken:
            name = f"{name}-{len(taken)}"
        taken.add(name)
        soundfile.write(folder / f"{name}.wav", audio.decode().T, audio.sampling_rate, subtype="FLOAT")
    return len(clips)
