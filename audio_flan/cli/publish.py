"""``audio-flan publish``: a built root onto the Hub."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from audio_flan.cli.options import BuiltRoot, Json, Token

if TYPE_CHECKING:
    from audio_flan.publishing.plan import PublishPlan


def publish(
    root: BuiltRoot,
    repo_id: Annotated[str, typer.Option("--repo-id", help="ORG/NAME of a dataset on the Hub.")],
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch to upload to; the rows point to it.")
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the repo, or the branch, where there is none.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Make it private; refuse a repo that is public.")
    ] = False,
    allow_restricted: Annotated[
        bool,
        typer.Option(
            "--allow-restricted", help="Upload corpora as well that are not known to be free to pass on."
        ),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare the hash of every file before, not only its size.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be uploaded; change nothing, ask nobody.")
    ] = False,
    as_json: Json = False,
    token: Token = None,
) -> None:
    """Upload ROOT to the Hub with its card; stopped, the same command goes on where it stopped.

    Refuses a ROOT that does not match its manifest. With --dry-run, exits with 1 when it would be refused.

    Example: audio-flan publish demo-indexed --repo-id ORG/NAME --create --dry-run
    """
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from audio_flan.cli.output import human_bytes, labelled_progress, print_json
    from audio_flan.publishing import plan_publish
    from audio_flan.publishing import publish as run

    if dry_run:
        plan = plan_publish(root, repo_id, revision=revision, deep=deep)
        if as_json:
            print_json(plan.as_json())
        else:
            _print_plan(plan, allow_restricted=allow_restricted)
        if plan.problems or (plan.restricted and not allow_restricted):
            raise typer.Exit(1)
        if not as_json:
            given = {
                "--create": create,
                "--private": private,
                "--allow-restricted": allow_restricted,
                "--deep": deep,
            }
            words = ["audio-flan", "publish", str(root), "--repo-id", repo_id]
            words += ["--revision", revision] if revision else []
            words += [name for name, wanted in given.items() if wanted]
            typer.echo(f"Next: {shlex.join(words)}")
        return
    disable_progress_bars()  # ours says the same
    with labelled_progress() as report:
        summary = run(
            root, repo_id, revision=revision, create=create, private=private,
            allow_restricted=allow_restricted, deep=deep, token=token, progress=report,
        )  # fmt: skip
    if as_json:
        print_json(summary.as_json())
        return
    if summary.files:
        typer.echo(f"{root}: {summary.files:,} files of {human_bytes(summary.bytes)} uploaded to {repo_id}")
    else:
        typer.echo(f"{root}: nothing had to be sent, {repo_id} has all of it")
    if summary.removed:
        typer.echo(f"{summary.removed:,} files of an older build removed there")
    typer.echo(f"{summary.commit_url}")
    typer.echo(f'Next: python -c "import datasets; print(datasets.load_dataset({repo_id!r}))"')


def _print_plan(plan: "PublishPlan", *, allow_restricted: bool) -> None:
    from audio_flan.cli.output import human_bytes, print_table, printable

    at = f" at {plan.revision}" if plan.revision else ""
    typer.echo(
        f"{plan.root} ({plan.form}) to {plan.repo_id}{at}: {plan.files:,} files of {human_bytes(plan.bytes)}"
    )
    if plan.base != plan.base_before:
        typer.echo(f"the rows will be written anew to point to {plan.base}")
    for problem in plan.problems:
        typer.echo(f"does not match the manifest: {printable(problem.path)}: {problem.message}")
    if plan.restricted:
        print_table(
            ("corpus", "rows", "clips", "licence", "may be passed on", "note"),
            [
                (
                    printable(each.corpus), each.rows, each.clips, each.licence,
                    "no" if each.redistribution is False else "unknown", each.note,
                )
                for each in plan.restricted
            ],
        )  # fmt: skip
        if not allow_restricted:
            typer.echo(f"{len(plan.restricted):,} corpora need --allow-restricted")
