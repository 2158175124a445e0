"""Audio attributes per domain, as in Figure 3 of the paper: shares of occurrences, several to a row.

The paper prints shares and no map from tasks to attributes. The one that ships with the package is a reading
of section 3.2; ``facts/attributes.json`` says of each entry how sure it is.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from audio_flan.analysis.statistics.paper import reference
from audio_flan.card import find_source
from audio_flan.shards import RowCount
from audio_flan.taxonomy import UnknownNameError, taxonomy
from audio_flan.taxonomy.errors import nearest_names

MAX_MAP_BYTES: Final = 16_000_000


class AttributeMapError(ValueError):
    """A map from tasks to attributes that cannot be used."""


class TaskAttribute(msgspec.Struct, frozen=True):
    """An attribute of a task; with ``only_sources``, of its rows from these corpora alone."""

    attribute: str
    only_sources: tuple[str, ...] | None = None


class AttributeFact(msgspec.Struct, frozen=True):
    """What is known of an attribute: the group it is part of, and the shares that the paper prints.

    ``paper_share_percent`` is that in the domain, ``paper_share_within_others_percent`` that in the group.
    """

    domain: str
    attribute: str
    group: str | None = None
    paper_share_percent: float | None = None
    paper_share_within_others_percent: float | None = None


class AttributeMap(msgspec.Struct, frozen=True):
    """Attributes by task, and what is known of these attributes by domain and name."""

    tasks: dict[str, tuple[TaskAttribute, ...]]
    facts: dict[tuple[str, str], AttributeFact]


class AttributeShare(msgspec.Struct, frozen=True):
    """How often an attribute, or a group of them, occurs in a domain.

    Attributes
    ----------
    occurrences : int
        Rows that have the attribute.
    share_percent : float
        Of the occurrences of all attributes in the domain, computed here.
    share_within_group_percent : float or None
        Of the occurrences in the group.
    paper_share_percent, paper_share_within_group_percent : float or None
        As the paper prints them; None where it does not.
    """

    domain: str
    attribute: str
    group: str | None
    occurrences: int
    share_percent: float
    share_within_group_percent: float | None
    paper_share_percent: float | None
    paper_share_within_group_percent: float | None


class AttributeStatistics(msgspec.Struct, frozen=True):
    """Shares by attribute and by group, the commonest first, and rows whose task has no attribute."""

    shares: tuple[AttributeShare, ...]
    groups: tuple[AttributeShare, ...]
    rows_without: dict[str, int]


def attribute_statistics(counts: Iterable[RowCount], mapping: AttributeMap) -> AttributeStatistics:
    """Count attributes from rows by task and corpus."""
    tasks = taxonomy().tasks
    occurrences: dict[str, dict[str, int]] = {}
    without: dict[str, int] = {}
    for count in counts:
        domain = tasks[count.task].domain
        names = [a.attribute for a in mapping.tasks.get(count.task, ()) if _applies(a, count.corpus)]
        for name in names:
            found = occurrences.setdefault(domain, {})
            found[name] = found.get(name, 0) + count.rows
        if not names:
            without[domain] = without.get(domain, 0) + count.rows
    order = [name for name in _domains() if name in occurrences]
    shares = [share for domain in order for share in _shares(domain, occurrences[domain], mapping)]
    groups = [share for domain in order for share in _groups(domain, occurrences[domain], mapping)]
    return AttributeStatistics(tuple(shares), tuple(groups), without)


def load_attributes(source: "bool | Mapping[str, Any] | str | os.PathLike[str]") -> AttributeMap:
    """Return a map from tasks to attributes.

    Parameters
    ----------
    source : bool, mapping or path
        True for the one that ships with the package. A JSON file or a mapping has its shape, or is simply
        ``{task: [attributes]}``; it takes the place of the one that ships.

    Raises
    ------
    AttributeMapError
        When it cannot be understood.
    UnknownNameError
        When it names a task that does not exist.
    """
    if isinstance(source, bool):
        return _shipped()
    if isinstance(source, Mapping):
        return _parse(source, "the map of attributes")
    path = Path(source)
    if path.is_dir():
        raise AttributeMapError(f"{path} is a folder, expected a JSON file: {{task: [attributes]}}")
    if not path.exists():
        raise AttributeMapError(f"there is no map of attributes {path}")
    if path.stat().st_size > MAX_MAP_BYTES:
        raise AttributeMapError(f"{path} is over {MAX_MAP_BYTES:,} bytes large: it is no map of attributes")
    try:
        raw = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AttributeMapError(f"{path} is not a map of attributes in JSON: {error}") from None
    return _parse(raw, str(path))


class _Task(msgspec.Struct):
    config: str
    attributes: tuple[TaskAttribute, ...]


class _Table(msgspec.Struct):
    tasks: tuple[_Task, ...]
    vocabulary: tuple[AttributeFact, ...] = ()


@cache
def _shipped() -> AttributeMap:
    data = files("audio_flan.analysis.statistics").joinpath("facts/attributes.json").read_bytes()
    table = msgspec.json.decode(data, type=_Table)
    facts = {(fact.domain, fact.attribute): fact for fact in table.vocabulary}
    return AttributeMap({task.config: task.attributes for task in table.tasks}, facts)


def _parse(raw: Mapping[str, Any], name: str) -> AttributeMap:
    """Read a map of the user; what is known of attributes that the shipped one has, too, holds for it."""
    try:
        if "tasks" in raw:
            table = msgspec.convert(dict(raw), _Table)
        else:
            plain = msgspec.convert(dict(raw), dict[str, tuple[str, ...]])
            table = _Table(
                tuple(_Task(task, tuple(map(TaskAttribute, each))) for task, each in plain.items())
            )
    except msgspec.ValidationError as error:
        message = f"{name} is neither {{task: [attributes]}} nor of the shape of the shipped map: {error}"
        raise AttributeMapError(message) from None
    known = taxonomy().tasks
    for task in table.tasks:
        if task.config not in known:
            raise UnknownNameError("task", task.config, nearest_names(task.config, known))
    facts = {(fact.domain, fact.attribute): fact for fact in table.vocabulary}
    merged = {task.config: tuple(dict.fromkeys(task.attributes)) for task in table.tasks}
    return AttributeMap(merged, _shipped().facts | facts)


def _applies(attribute: TaskAttribute, corpus: str) -> bool:
    if attribute.only_sources is None:
        return True
    source = find_source(corpus)
    wanted = [find_source(name) for name in attribute.only_sources]
    return corpus in attribute.only_sources or (source is not None and source in wanted)


def _shares(domain: str, counts: Mapping[str, int], mapping: AttributeMap) -> list[AttributeShare]:
    total, in_group = sum(counts.values()), _in_groups(domain, counts, mapping)
    shares = []
    for name, n in _commonest(counts):
        fact = mapping.facts.get((domain, name), AttributeFact(domain, name))
        within = None if fact.group is None else 100 * n / in_group[fact.group]
        printed = (fact.paper_share_percent, fact.paper_share_within_others_percent)
        shares.append(AttributeShare(domain, name, fact.group, n, 100 * n / total, within, *printed))
    return shares


def _groups(domain: str, counts: Mapping[str, int], mapping: AttributeMap) -> list[AttributeShare]:
    total = sum(counts.values())
    return [
        AttributeShare(
            domain, name, None, n, 100 * n / total, None, reference().attribute_share(domain, name), None
        )
        for name, n in _commonest(_in_groups(domain, counts, mapping))
    ]


def _in_groups(domain: str, counts: Mapping[str, int], mapping: AttributeMap) -> dict[str, int]:
    """Return the occurrences of the attributes of each group."""
    found: dict[str, int] = {}
    for name, n in counts.items():
        fact = mapping.facts.get((domain, name))
        if fact is not None and fact.group is not None:
            found[fact.group] = found.get(fact.group, 0) + n
    return found


def _commonest(counts: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _domains() -> list[str]:
    return list(dict.fromkeys(task.domain for task in taxonomy().tasks.values()))
