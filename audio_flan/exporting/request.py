"""What an export is asked for: the same request of the same data gives the same bytes."""

from typing import Final, Literal, get_args

import msgspec

from audio_flan.building.pipeline import MIN_SHARD_SIZE
from audio_flan.mixing import Plan, RowFilter
from audio_flan.taxonomy import UnknownNameError
from audio_flan.taxonomy.errors import nearest_names

Target = Literal["embedded", "indexed", "release", "webdataset", "jsonl", "chat"]
Style = Literal["qwen2-audio", "ms-swift", "llama-factory"]
TARGETS: Final[tuple[Target, ...]] = get_args(Target)
STYLES: Final[tuple[Style, ...]] = get_args(Style)
FORMAT: Final = 2
"""Raise it whenever the same request comes to give other bytes."""
NEEDS_RELEASE: Final = frozenset({"embedded", "indexed", "release"})
"""Targets that are a release, or are built from one."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is exported, and how.

    Attributes
    ----------
    form, revision : str
        Of the data that rows are taken from.
    config, splits, row_filter
        Which rows, unless there is a plan.
    plan : str, optional
        Hash of the plan.
    to : str
        One of `TARGETS`.
    style : str, optional
        One of `STYLES`, for ``chat``.
    seed : int
        Another seed, another order.
    shard_size : int
        Of tars, clip shards and row files, in bytes.
    """

    format: int
    form: str
    revision: str
    config: str
    splits: tuple[str, ...]
    row_filter: RowFilter
    plan: str | None
    to: Target
    style: Style | None
    seed: int
    shard_size: int


def check_target(to: str, style: str | None, shard_size: int) -> None:
    """Refuse options that do not exist or do not go together.

    Raises
    ------
    UnknownNameError
        For a target or style that does not exist.
    ValueError
        For a style where there is none to choose, a missing one, or shards that are too small.
    """
    if to not in TARGETS:
        raise UnknownNameError("target", to, nearest_names(to, TARGETS))
    if style is not None and style not in STYLES:
        raise UnknownNameError("style", style, nearest_names(style, STYLES))
    if (style is not None) != (to == "chat"):
        detail = f"chat needs one of {', '.join(STYLES)}" if style is None else f"{to} has none"
        raise ValueError(f"style is for the target chat: {detail}")
    if shard_size < MIN_SHARD_SIZE:
        raise ValueError(f"shard_size must be at least {MIN_SHARD_SIZE:,} bytes, got {shard_size:,}")


def check_choice(plan: Plan | None, config: str, splits: object, row_filter_given: bool) -> None:
    """Refuse a choice of rows beside a plan, which has its own.

    Raises
    ------
    ValueError
    """
    if plan is not None and (config != "all" or splits is not None or row_filter_given):
        raise ValueError("a plan says which rows are drawn: config, split and filters go into the plan")
