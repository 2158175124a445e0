"""From what a user or a record writes to the names of the taxonomy."""

from enum import StrEnum
from typing import NamedTuple

from audio_flan.taxonomy.errors import UnknownNameError, nearest_names
from audio_flan.taxonomy.tables import Config, Task, normalise, taxonomy


class Spelling(StrEnum):
    """How sure the reading of a task name is."""

    ALIAS = "alias"
    AMBIGUOUS = "ambiguous"


class TaskMatch(NamedTuple):
    """A task and how its name was written."""

    task: Task
    spelling: Spelling


def list_configs() -> list[str]:
    """Return the names of the 112 configs, sorted."""
    return list(taxonomy().configs)


def resolve_config(name: str) -> Config:
    """Return the config called `name`, in its own spelling or one of its aliases.

    Raises
    ------
    UnknownNameError
        When there is none; it carries the three nearest names, or for ``speech_understanding`` and its
        siblings the name that is meant.
    """
    if not isinstance(name, str):
        raise TypeError(f"a config is a name such as 'speech_asr', got {name!r}")
    table = taxonomy()
    wanted = _folded(name)
    found = table.configs.get(canonical_name(name))
    if found is not None:
        return found
    if wanted in table.reserved:
        right = table.reserved[wanted]
        hint = f"the group is called {right!r} (direction first)"
        raise UnknownNameError("config", name, [right], hint)
    if wanted == "sample":
        hint = "built data have it for load_dataset alone; the config with rows of every task is 'all'"
        raise UnknownNameError("config", name, ["all"], hint)
    nearest = nearest_names(wanted, [*table.configs, *table.config_aliases], count=6)
    names = dict.fromkeys(table.config_aliases.get(alias, alias) for alias in nearest)
    raise UnknownNameError("config", name, list(names)[:3])


def canonical_name(spelling: str) -> str:
    """Return the name of a config by any spelling that `resolve_config` takes; others are folded alike."""
    wanted = _folded(spelling)
    return taxonomy().config_aliases.get(wanted, wanted)


def resolve_domain(spelling: str) -> str | None:
    """Return the domain a record's `spelling` names (``sound`` is ``audio``), or None."""
    return taxonomy().domains.get(normalise(spelling))


def resolve_task(domain: str, spelling: str) -> TaskMatch | None:
    """Return the minor task that `spelling` names within `domain`, or None.

    A spelling that the table lists as ambiguous resolves to the task its note says and is marked, so that
    a caller can count it.
    """
    table = taxonomy()
    key = (domain, normalise(spelling))
    if key in table.task_aliases:
        return TaskMatch(table.tasks[table.task_aliases[key]], Spelling.ALIAS)
    if key in table.ambiguous_aliases:
        return TaskMatch(table.tasks[table.ambiguous_aliases[key]], Spelling.AMBIGUOUS)
    return None


def _folded(name: str) -> str:
    return name.strip().casefold().replace("-", "_")
