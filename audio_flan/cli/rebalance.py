"""``audio-flan rebalance``: a plan that says how many rows to draw of what."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from audio_flan.cli.filter_options import (
    Corpora,
    Licence,
    MaxSeconds,
    MinSeconds,
    Scripts,
    Tasks,
    Unseen,
    Where,
)
from audio_flan.cli.options import CacheDir, Json, Revision, Root, Token

_SHOWN = 20


def rebalance(
    root: Root,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the plan to this TOML file.")] = None,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "train",
    by: Annotated[
        str, typer.Option("--by", help="Level of the rule: direction, domain, task or corpus.")
    ] = "task",
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction", help="Shares, such as understanding=0.5,generation=0.5.", metavar="NAME=SHARE,..."
        ),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option("--domain", help="Shares of speech, music, audio.", metavar="NAME=SHARE,..."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task-shares", help="Shares of tasks.", metavar="NAME=SHARE,...")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option("--corpus-shares", help="Shares of corpora.", metavar="NAME=SHARE,...")
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option("--alpha", help="Shares in proportion to n^alpha, 0 to 1; temperature is 1/alpha."),
    ] = None,
    cap: Annotated[float | None, typer.Option("--cap", help="What a value counts at most.")] = None,
    unimax: Annotated[
        float | None, typer.Option("--unimax", help="The same for all, and at most so many epochs.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="Shares by hand of the values of --by.", metavar="NAME=WEIGHT,..."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", help="How much to draw, in the unit; one pass by default.")
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", help="rows, input_seconds, target_seconds or target_tokens.")
    ] = "rows",
    codec_rate: Annotated[
        float | None, typer.Option("--codec-rate", help="Tokens per second of output audio.")
    ] = None,
    max_epochs: Annotated[float, typer.Option("--max-epochs", help="How often a row may be drawn.")] = 4.0,
    min_share: Annotated[float, typer.Option("--min-share", help="Least share of each value of --by.")] = 0.0,
    nearest: Annotated[
        bool, typer.Option("--nearest", help="Take targets that cannot be met as far as they can be.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Decides which rows are drawn.")] = 0,
    where: Where = None,
    tasks: Tasks = None,
    corpora: Corpora = None,
    unseen: Unseen = None,
    min_seconds: MinSeconds = None,
    max_seconds: MaxSeconds = None,
    scripts: Scripts = None,
    licence: Licence = "any",
    as_json: Json = False,
    token: Token = None,
    revision: Revision = None,
    cache_dir: CacheDir = None,
) -> None:
    """Plan how many rows of ROOT to draw of each direction, domain, task and corpus.

    Targets that the rows cannot meet are refused with the arithmetic; --nearest takes what there is.

    Example: audio-flan rebalance demo --direction understanding=0.5,generation=0.5 --alpha 0.5 -o plan.toml
    """
    import audio_flan
    from audio_flan.cli.output import labelled_progress, print_json

    with _shares_told_apart(), labelled_progress() as progress:
        plan = audio_flan.rebalance(
            root,
            split=split,
            by=by,
            direction=_numbers("--direction", direction),
            domain=_numbers("--domain", domain),
            task=_numbers("--task-shares", task),
            corpus=_numbers("--corpus-shares", corpus),
            alpha=alpha,
            cap=cap,
            unimax=unimax,
            weights=_numbers("--weights", weights),
            budget=budget,
            unit=unit,  # type: ignore[arg-type] # it is checked there
            codec_rate=codec_rate,
            max_epochs=max_epochs,
            min_share=min_share,
            nearest=nearest,
            seed=seed,
            where=where,
            tasks=tasks or (),
            corpora=corpora or (),
            unseen=unseen,
            min_seconds=min_seconds,
            max_seconds=max_seconds,
            scripts=scripts or (),
            licence=licence,  # type: ignore[arg-type] # it is checked there
            token=token,
            revision=revision,
            cache_dir=cache_dir,
            progress=progress,
        )
    if out:
        plan.save(out)
    if as_json:
        print_json(_as_json(plan))
        return
    _show(plan)
    if out:
        typer.echo(f"wrote {out}")
        typer.echo(f"Next: audio-flan export {shlex.quote(root)} OUT --plan {shlex.quote(str(out))}")
    else:
        typer.echo("Next: the same with -o plan.toml, then audio-flan export")


@contextmanager
def _shares_told_apart() -> Iterator[None]:
    """Say where shares go when they are given as the names of rows to take."""
    from audio_flan.taxonomy import UnknownNameError

    try:
        yield
    except UnknownNameError as error:
        if error.kind not in ("config", "corpus") or "=" not in error.name:
            raise
        hint = "--task and --corpus take rows; shares are --task-shares and --corpus-shares"
        raise typer.BadParameter(f"{hint}, got {error.name!r}") from None


def _numbers(option: str, text: str | None) -> dict[str, float] | None:
    """Read ``name=number,...``."""
    if text is None:
        return None
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = None
        if not name.strip() or value is None:
            raise typer.BadParameter(f"expected NAME=NUMBER,..., got {part.strip()!r}", param_hint=option)
        if name.strip() in found:
            raise typer.BadParameter(f"{name.strip()!r} is there twice", param_hint=option)
        found[name.strip()] = value
    return found


def _as_json(plan: Any) -> dict[str, Any]:  # noqa: ANN401 - a Plan; importing it here would cost time
    totals = {
        name: {
            "rows": total.rows,
            "input_hours": total.input_hours,
            "target_hours": total.target_hours,
            "target_tokens": total.target_tokens,
        }
        for name, total in (("before", plan.before), ("after", plan.after))
    }
    for name, balance in (("before", plan.balance_before), ("after", plan.balance_after)):
        totals[name] |= {"effective_number": balance.effective, "divergence_nats": balance.divergence}
    return {
        "hash": plan.hash,
        "revision": plan.revision,
        "split": plan.split,
        "seed": plan.seed,
        "rows": plan.rows,
        **totals,
        "largest_repeat": plan.largest_repeat.epochs,
        "leaves": plan.table.to_dicts(),
        "left_out": [" / ".join(leaf.key) for leaf in plan.left_out],
        "shortfalls": msgspec.to_builtins(plan.shortfalls),
        "mixture": msgspec.to_builtins(plan.mixture),
    }


def _show(plan: Any) -> None:  # noqa: ANN401 - as above
    from audio_flan.cli.output import print_table, print_wide_table, printable

    before, after = plan.before, plan.after
    level = plan.mixture.by
    print_table(
        ("", "before", "after"),
        [
            ("rows", before.rows, after.rows),
            ("hours of input audio", before.input_hours, after.input_hours),
            ("hours of output audio", before.target_hours, after.target_hours),
            (
                "target tokens" if before.target_tokens is not None else "target tokens (needs --codec-rate)",
                before.target_tokens,
                after.target_tokens,
            ),
            (f"effective number by {level}", plan.balance_before.effective, plan.balance_after.effective),
            ("divergence from proportional (nats)", 0.0, plan.balance_after.divergence),
        ],
    )
    for name in dict.fromkeys(("direction", "domain", level)):
        grouped = plan.table.group_by(name).agg(
            "available", "target", "share_before", "share_after", "clipped"
        )
        rows = [
            (
                row[name],
                sum(row["available"]),
                sum(row["target"]),
                sum(row["target"]) / max(sum(row["available"]), 1),
                100 * sum(row["share_before"]),
                100 * sum(row["share_after"]),
                "at the ceiling" if all(row["clipped"]) else "",
            )
            for row in grouped.sort(name).to_dicts()
        ]
        print_wide_table((name, "rows", "drawn", "epochs", "share before %", "share after %", ""), rows)
    repeat = plan.largest_repeat
    typer.echo(f"largest repeat: {repeat.epochs:.4g} epochs of {printable(' / '.join(repeat.key))}")
    for leaf in plan.left_out[:_SHOWN]:
        typer.echo(f"left out: {printable(' / '.join(leaf.key))} ({leaf.available:,} rows)")
    if len(plan.left_out) > _SHOWN:
        typer.echo(f"... and {len(plan.left_out) - _SHOWN:,} more left out; --json lists them")
    for shortfall in plan.shortfalls:
        typer.echo(f"short: {shortfall}")
    typer.echo(f"plan {plan.hash}, {plan.split}, seed {plan.seed}")
