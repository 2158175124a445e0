"""``audio-flan demo``: make a small true corpus offline and stream it."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from audio_flan.cli.options import Json


def demo(
    directory: Annotated[Path, typer.Argument(help="Where the corpus is to be; made if need be.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another corpus.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a corpus of all 80 tasks without a network, in the released form, and stream some of it.

    Example: audio-flan demo
    """
    from audio_flan.cli.output import human_bytes, print_json, print_table, progress
    from audio_flan.demo import make_demo
    from audio_flan.release import open_release
    from audio_flan.release.summary import summarise
    from audio_flan.streaming import stream
    from audio_flan.taxonomy import taxonomy

    with progress("making the demo corpus") as report:
        made = make_demo(directory, seed=seed, progress=report)
    summary = summarise(open_release(directory))
    if as_json:
        print_json(
            {
                "directory": str(made.directory),
                "rows": summary.rows,
                "clips": summary.clips,
                "seconds": round(made.seconds, 3),
                "bytes": made.bytes,
                "rows_by_task": summary.task,
                "rows_by_task_and_split": summary.task_split,
            }
        )
        return
    print_table(
        ("config", "minor task", "train", "validation", "test", "rows"),
        [
            (
                name,
                task.minor,
                *(summary.task_split[name].get(s, 0) for s in ("train", "validation", "test")),
                summary.task[name],
            )
            for name, task in taxonomy().tasks.items()
        ],
        f"{made.tasks} tasks in {made.directory}",
    )
    typer.echo(
        f"{summary.rows:,} rows, {summary.clips:,} clips, {made.seconds / 60:.1f} minutes of sound, "
        f"{human_bytes(made.bytes)}"
    )
    typer.echo(f'\nfor row in audio_flan.stream("{directory}", "speech_asr"):')
    for row in islice(stream(directory, "speech_asr"), 3):
        audio = row["input_audio"][0]
        wave = audio["array"]
        typer.echo(f"  {row['output']!r}")
        typer.echo(
            f"    {audio.id}: {audio.sampling_rate:,} Hz, {audio.seconds:.2f} s, "
            f"{wave.dtype} {wave.shape}, {wave.min():+.3f} ... {wave.max():+.3f}"
        )
    typer.echo(f"\nNext: audio-flan info {directory}   audio-flan peek {directory} music_key_detection")
