"""The taxonomy table that ships with the package, read once into immutable values."""

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

_MAX_NAME_LENGTH = 256
"""In characters. Longer spellings come from broken data, and are not kept in memory."""

Direction = Literal["understanding", "generation"]
ConfigKind = Literal["all", "direction", "domain", "direction_domain", "major", "minor"]


@dataclass(frozen=True, slots=True)
class Task:
    """One of the 80 minor tasks.

    Attributes
    ----------
    config : str
        Name of its config, for instance ``speech_asr``: the value of the column ``task``.
    direction : {"understanding", "generation"}
        Side of its major task (Table 2), by which the group configs select.
    output_direction : {"understanding", "generation"}
        Side of the task's own output: audio is generation. It differs for three tasks.
    """

    domain: str
    major: str
    minor: str
    config: str
    major_config: str
    direction: Direction
    output_direction: Direction
    definition: str
    input_modality: tuple[str, ...]
    output_modality: tuple[str, ...]

    @property
    def folders(self) -> frozenset[str]:
        """Direction folders of a release tree that may hold records of this task."""
        return frozenset((self.direction, self.output_direction))


@dataclass(frozen=True, slots=True)
class Config:
    """One of the 112 configs: a name for a set of minor tasks."""

    name: str
    kind: ConfigKind
    tasks: tuple[Task, ...]

    @property
    def task_names(self) -> frozenset[str]:
        """Minor configs it holds."""
        return frozenset(task.config for task in self.tasks)


@dataclass(frozen=True)
class Taxonomy:
    """Every table of the taxonomy, keyed by the names that records and users write."""

    domains: dict[str, str]
    """Domain by accepted spelling, normalised (``sound`` is ``audio``)."""
    tasks: dict[str, Task]
    """Task by its config name, in the order of the paper's Table 1."""
    configs: dict[str, Config]
    """Config by name, sorted by name: 112."""
    config_aliases: dict[str, str]
    reserved: dict[str, str]
    """Names that are refused with a hint to the right one."""
    task_aliases: dict[tuple[str, str], str]
    """Task config by (domain, normalised spelling): spellings that are safe to resolve."""
    ambiguous_aliases: dict[tuple[str, str], str]
    """Likewise, for spellings that the table resolves with a doubt: to be counted."""


@cache
def taxonomy() -> Taxonomy:
    """Read the shipped table; cached for the life of the process."""
    raw = msgspec.json.decode((files(__package__) / "taxonomy.json").read_bytes())
    tasks = {row["config"]: _task(row) for row in raw["minors"]}
    return Taxonomy(
        domains={
            spelling: row["name"] for row in raw["domains"] for spelling in (row["name"], *row["aliases"])
        },
        tasks=tasks,
        configs=_configs(raw, tasks),
        config_aliases={
            alias: row["config"]
            for row in (*raw["majors"], *raw["minors"])
            for alias in row["config_aliases"]
        },
        reserved=dict(raw["naming"]["reserved_names"]),
        task_aliases={
            (row["domain"], normalise(alias)): row["config"]
            for row in raw["minors"]
            for alias in (row["name"], *row["aliases"])
        },
        ambiguous_aliases={
            (row["domain"], normalise(alias["spelling"])): row["config"]
            for row in raw["minors"]
            for alias in row["ambiguous_aliases"]
        },
    )


def normalise(spelling: str) -> str:
    """Fold case and collapse every run of non-alphanumeric characters to one space."""
    return _normalise_cached(spelling) if len(spelling) <= _MAX_NAME_LENGTH else _normalise(spelling)


def _normalise(spelling: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in spelling.casefold()).split())


_normalise_cached = lru_cache(maxsize=4096)(_normalise)


def _task(row: dict[str, Any]) -> Task:
    return Task(
        domain=row["domain"],
        major=row["major"],
        minor=row["name"],
        config=row["config"],
        major_config=row["major_config"],
        direction=row["direction"],
        output_direction=row["output_direction"],
        definition=row["definition"],
        input_modality=tuple(row["input_modality"]),
        output_modality=tuple(row["output_modality"]),
    )


def _configs(raw: dict[str, Any], tasks: dict[str, Task]) -> dict[str, Config]:
    found: dict[str, Config] = {}
    for group in raw["groups"]:
        members = tuple(
            task
            for task in tasks.values()
            if group["domain"] in (None, task.domain) and group["direction"] in (None, task.direction)
        )
        found[group["config"]] = Config(group["config"], group["kind"], members)
    for major in raw["majors"]:
        members = tuple(tasks[config] for config in major["minor_configs"])
        found[major["config"]] = Config(major["config"], "major", members)
    for task in tasks.values():
        # Speech, Music and Audio Caption are majors with one minor of the same name: one config for both.
        found.setdefault(task.config, Config(task.config, "minor", (task,)))
    return dict(sorted(found.items()))
