"""``audio-flan build``: from a release to the indexed or the embedded form."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audio_flan.cli import cluster_options as cluster
from audio_flan.cli.long_work import going_on_later, in_earnest, parse_size
from audio_flan.cli.options import CacheDir, Json, ReleaseRoot, Revision, Token

if TYPE_CHECKING:
    from audio_flan.building import BuildPlan, BuildSummary, Changes, Submission


def build(
    release: ReleaseRoot,
    out: Annotated[
        str, typer.Argument(help="An empty or new folder, one with the same build, or a URL such as s3://...")
    ],
    form: Annotated[
        str, typer.Option("--form", help="indexed: clips once, in shards; embedded: clips inside the rows.")
    ] = "indexed",
    config: Annotated[str, typer.Option("--config", help="Build the rows of one config only.")] = "all",
    splits: Annotated[
        list[str] | None, typer.Option("--split", help="train, validation or test; may be repeated.")
    ] = None,
    shard_size: Annotated[
        str, typer.Option("--shard-size", help="Size of clip shards and of row files.", metavar="SIZE")
    ] = "512MB",
    jobs: cluster.Jobs = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another order.")] = 0,
    verify: Annotated[
        str, typer.Option("--verify", help="header: check the header of each clip; decode: decode it whole.")
    ] = "header",
    clips: Annotated[
        str,
        typer.Option("--clips", help="Of the indexed form: clips in WebDataset tar files, or in parquet."),
    ] = "tar",
    transcode: Annotated[
        str,
        typer.Option(
            "--transcode",
            help="none; flac: without loss, every sample compared; opus: 64 kbit/s by channel.",
        ),
    ] = "none",
    work: Annotated[
        Path | None, typer.Option("--work", help="Where a build for a URL is made before it is uploaded.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run stopped, or start anew.")
    ] = True,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print what would be made and how long it takes; slurm: write the scripts."
        ),
    ] = False,
    executor: cluster.Executor = "local",
    tasks: cluster.Tasks = None,
    cpus_per_task: cluster.CpusPerTask = None,
    mem_per_cpu_gb: cluster.MemPerCpu = None,
    partition: cluster.Partition = None,
    time: cluster.Time = None,
    qos: cluster.Qos = None,
    env_command: cluster.EnvCommand = None,
    logs: cluster.Logs = None,
    address: cluster.Address = None,
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Build the indexed or the embedded form of RELEASE in OUT; killed, it goes on where it stopped.

    Example: audio-flan build demo demo-indexed --jobs 2
    """
    from audio_flan.building import Slurm, choose_executor, plan_build, submit_build
    from audio_flan.building import build as run
    from audio_flan.cli.output import human_bytes, labelled_progress, print_json
    from audio_flan.publishing import build_folder, mirror
    from audio_flan.records import SPLITS
    from audio_flan.release import open_release

    chosen = choose_executor(
        executor,
        {
            "jobs": jobs, "tasks": tasks, "cpus_per_task": cpus_per_task, "mem_per_cpu_gb": mem_per_cpu_gb,
            "partition": partition, "time": time, "qos": qos, "env_command": env_command, "logs": logs,
            "address": address,
        },
    )  # fmt: skip

    folder = build_folder(out, work)
    opened = open_release(release, token=token, revision=revision, cache_dir=cache_dir)
    what: dict[str, Any] = {
        "form": form, "config": config, "splits": splits or SPLITS, "shard_size": parse_size(shard_size),
    }  # fmt: skip
    how: dict[str, Any] = {"seed": seed, "verify": verify, "clips": clips, "transcode": transcode}
    summary: BuildSummary | None
    if isinstance(chosen, Slurm):
        submission = submit_build(opened, folder, chosen, resume=resume, dry_run=dry_run, **what, **how)
        summary = submission.summary
        if summary is None:
            print_json(submission.as_json()) if as_json else _print_submission(submission)
            return
    elif dry_run:
        with labelled_progress() as report:
            plan = plan_build(opened, executor=chosen, progress=report, **what, **how)
        if as_json:
            print_json(plan.as_json())
        else:
            _print_plan(plan)
            typer.echo(f"Next: {in_earnest(sys.argv)}")
        return
    else:
        with going_on_later(folder), labelled_progress() as report:
            summary = run(
                opened, folder, resume=resume, executor=chosen, progress=report,
                on_plan=None if as_json else _print_plan, **what, **how,
            )  # fmt: skip
    made = summary.as_json()
    if not as_json:
        _print_summary(summary)
    if "://" in out:
        with going_on_later(folder), labelled_progress() as report:
            sent = mirror(folder, out, progress=report)
        made["mirror"] = sent.as_json()
        if not as_json:
            typer.echo(
                f"{out}: {sent.files:,} files of {human_bytes(sent.bytes)} sent, {sent.removed:,} removed"
            )
    if as_json:
        print_json(made)
    else:
        peek = f"   audio-flan peek {shlex.quote(out)} {config}" if summary.rows else ""
        typer.echo(f"Next: audio-flan validate {shlex.quote(out)}{peek}")
    if summary.rows_in and not summary.rows:
        typer.echo("error: no row of the release could be taken", err=True)
        raise typer.Exit(1)


def _print_submission(submission: "Submission") -> None:
    if submission.failure:
        typer.echo(f"the submission before stopped: {submission.failure}")
    for job in submission.jobs:
        tasks = f"{job.tasks} tasks" if job.tasks > 1 else "1 task"
        typer.echo(f"{job.id or 'not submitted':>13}  {job.name}: {tasks}, {job.script}")
    if submission.jobs[0].id:
        names = ",".join(job.name for job in submission.jobs)
        typer.echo(f"logs: {submission.logs}")
        typer.echo("when a task fails, the jobs after it go; then run the same command again")
        typer.echo(f"Next: squeue --name={names}")
    else:
        typer.echo(f"Next: {in_earnest(sys.argv)}")


def _print_plan(plan: "BuildPlan") -> None:
    from audio_flan.cli.output import human_bytes, human_seconds

    typer.echo(
        f"plan: {plan.rows:,} rows, {plan.clips:,} clips of {human_bytes(plan.clip_bytes)}; {plan.form}: "
        f"{human_bytes(plan.audio_bytes)} of audio in about {plan.shards:,} shards"
    )
    if plan.estimate:
        found = plan.estimate
        typer.echo(
            f"time: about {human_seconds(found.seconds)}, without the disk that is written to: planning took "
            f"{found.planning_seconds:.1f} s; {found.sample_clips:,} clips were read, checked and hashed in "
            f"{found.sample_seconds:.2f} s"
        )


def _print_summary(summary: "BuildSummary") -> None:
    from audio_flan.cli.output import human_bytes, print_table, printable

    typer.echo(
        f"{summary.out}: {summary.rows:,} rows, {summary.clips:,} clips, "
        f"{summary.files:,} files of {human_bytes(summary.bytes)} in {summary.seconds:,.1f} s"
    )
    if summary.clips_transcoded:
        typer.echo(
            f"transcoded {summary.clips_transcoded:,} clips, {summary.clips - summary.clips_transcoded:,} "
            f"stay as they were; {human_bytes(summary.source_bytes)} became {human_bytes(summary.clip_bytes)}"
        )
    if summary.changes:
        _print_changes(summary.changes)
    print_table(
        ("corpus", "rows in", "rows out", "quarantined", "clips", "MB of clips", "hours"),
        [
            (
                printable(each.corpus),
                each.rows_in,
                each.rows,
                each.rows_quarantined,
                each.clips,
                each.clip_bytes / 1e6,
                each.clip_seconds / 3600,
            )
            for each in summary.corpora
        ],
    )
    if summary.quarantined:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in summary.quarantined.items())
        typer.echo(f"not taken: {reasons}; {summary.out}/quarantine/ names each")


def _print_changes(changes: "Changes") -> None:
    from audio_flan.cli.output import human_bytes

    if changes.anew:
        typer.echo("what the earlier build has left in .build is gone, so that all files were made again")
    typer.echo(
        f"since the earlier build: {changes.files_kept:,} files of {human_bytes(changes.bytes_kept)} kept, "
        f"{changes.files_written:,} of {human_bytes(changes.bytes_written)} written, "
        f"{changes.files_removed:,} removed"
    )
