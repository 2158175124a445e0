"""A plan as a TOML file: to be read by people, and refused when it was changed."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from audio_flan.mixing.errors import PlanError, Shortfall
from audio_flan.mixing.measures import Totals
from audio_flan.mixing.mixture import Mixture
from audio_flan.mixing.plan import Plan, PlannedLeaf
from audio_flan.mixing.row_filter import NO_FILTER, RowFilter
from audio_flan.shards.atomic import output_path, write_atomically

FORMAT: Final = 1
"""Raise it whenever the file, the hash or the rows that a plan draws become others."""
_MAX_BYTES: Final = 1 << 26


class _PlanFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    hash: str
    revision: str
    split: str
    seed: int
    mixture: Mixture
    leaves: tuple[PlannedLeaf, ...]
    shortfalls: tuple[Shortfall, ...] = ()
    filter: RowFilter = NO_FILTER


class _Format(msgspec.Struct):
    format: int


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan, whole or not at all."""
    write_atomically(output_path(path), format_plan(plan).encode())


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Raises
    ------
    PlanError
        When there is none, it cannot be understood, or its hash is another.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise PlanError(f"{path} is over {_MAX_BYTES:,} bytes large, no plan is")
        return parse_plan(path.read_bytes(), str(path))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise PlanError(f"there is no plan {path}; `Plan.save` writes one") from None


def parse_plan(data: bytes, name: str) -> Plan:
    """Read a plan from the bytes of its file; `name` is for messages.

    Raises
    ------
    PlanError
        When it cannot be understood, or its hash is another.
    """
    try:
        raw = tomllib.loads(data.decode())
        found = msgspec.convert(raw, _Format).format
        if found != FORMAT:
            raise PlanError(f"{name} is a plan of format {found}, this version of audio-flan reads {FORMAT}")
        file = msgspec.convert(raw, _PlanFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise PlanError(f"{name} is not a plan: {error}") from None
    plan = Plan(file.mixture, file.leaves, file.shortfalls, file.revision, file.split, file.seed, file.filter)
    if plan.hash != file.hash:
        raise PlanError(
            f"{name} was changed after it was made: its hash is {plan.hash}, not {file.hash}; "
            "make the plan anew"
        )
    return plan


def format_plan(plan: Plan) -> str:
    """Return a plan as TOML: first what people ask for, then a line for each leaf."""
    before, after = plan.balance_before, plan.balance_after
    repeat = plan.largest_repeat
    lines = [
        "# A plan of audio-flan: how many rows to draw of each leaf. Its hash forbids editing.",
        f"# before: {_describe(plan.before)}, effective number by {plan.mixture.by} {before.effective:.1f}",
        f"# after:  {_describe(plan.after)}, effective number by {plan.mixture.by} {after.effective:.1f}",
        f"# divergence from proportional shares: {after.divergence:.4f} nats",
        f"# largest repeat: {repeat.epochs:.4g} epochs of {_value(' / '.join(repeat.key))}",
        "",
        f"format = {FORMAT}",
        *_assignments({"hash": plan.hash, "revision": plan.revision, "split": plan.split, "seed": plan.seed}),
        *_rows("leaves", plan.leaves),
        *(_rows("shortfalls", plan.shortfalls) if plan.shortfalls else ()),
        "",
        "[mixture]",
        *_assignments(msgspec.to_builtins(plan.mixture)),
        "",
        *(("[filter]", *_assignments(msgspec.to_builtins(plan.row_filter)), "") if plan.row_filter else ()),
    ]
    return "\n".join(lines)


def _describe(totals: Totals) -> str:
    tokens = "unknown" if totals.target_tokens is None else f"{totals.target_tokens:,}"
    return (
        f"{totals.rows:,} rows, {totals.input_hours:,.1f} h in, {totals.target_hours:,.1f} h out, "
        f"{tokens} target tokens"
    )


def _rows(name: str, rows: tuple[msgspec.Struct, ...]) -> Iterator[str]:
    yield f"{name} = ["
    for row in rows:
        yield f"  {{ {', '.join(_assignments(msgspec.to_builtins(row)))} }},"
    yield "]"


def _assignments(values: dict[str, object]) -> Iterator[str]:
    return (f"{key} = {_value(value)}" for key, value in values.items() if value is not None)


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            # JSON escapes all that TOML wants escaped, but for DEL.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
    return repr(value)
