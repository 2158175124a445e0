"""Hypothesis strategies for records of Audio-FLAN, in every form that is to be read."""

from typing import Any

from hypothesis import strategies as st

from audio_flan.records import audio_token
from audio_flan.taxonomy import Task, taxonomy

_MARKER_LETTERS = "|\uff5c\u00a6\u2502<>\uff1c\uff1e"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=_MARKER_LETTERS), max_size=30)
"""Text without anything that could be read as a marker: also unicode, controls, NUL."""

audio_ids = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="<|>"),
    min_size=1,
    max_size=30,
).filter(str.strip)
"""Ids as they stand in a token; outer white space may be there and is trimmed."""

keys = st.one_of(
    st.sampled_from(["<absent>", "<", "<<x", "extra", "Uuid", "", "task", "u/g", "\u00fc"]), texts
)
integers = st.one_of(
    st.integers(), st.integers(-(2**200), 2**200), st.sampled_from([2**63, 2**64, -(2**63) - 1])
)
json_values = st.recursive(
    st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def odd_spellings(name: str) -> st.SearchStrategy[str]:
    """`name` in other letters and with other signs between the words."""
    changed = st.sampled_from([str, str.upper, str.lower, str.title])
    signs = st.sampled_from([" ", "_", "-", "  ", " / "])
    return st.builds(lambda change, sign: change(name).replace(" ", sign), changed, signs)


def list_or_string(values: st.SearchStrategy[str], max_size: int = 1) -> st.SearchStrategy[Any]:
    """A bare string, or a list of one to `max_size` strings."""
    return values | st.lists(values, min_size=1, max_size=max_size)


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Text with tokens planted in it, and their ids, trimmed, in order."""
    planted = draw(st.lists(st.tuples(texts, audio_ids), max_size=3))
    text = "".join(before + audio_token(audio_id) for before, audio_id in planted) + draw(texts)
    return text, [audio_id.strip() for _, audio_id in planted]


_TASKS = list(taxonomy().tasks.values())
_SPELLINGS: dict[str, list[tuple[str, Task]]] = {}
for (_domain, _alias), _config in (taxonomy().task_aliases | taxonomy().ambiguous_aliases).items():
    _SPELLINGS.setdefault(_domain, []).append((_alias, taxonomy().tasks[_config]))
_SPLITS = ["train", "dev", "test", "validation", "valid", "val", "Train", " TEST "]
_DIRECTIONS = ["understanding", "generation", "U", "g", "Understanding "]


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A valid record in any of the forms that are to be read; keys in any order."""
    domain = draw(st.sampled_from(["speech", "music", "audio"]))
    minors = draw(st.lists(st.sampled_from(_SPELLINGS[domain]), min_size=1, max_size=3))
    spelt = [draw(st.just(task.minor) | odd_spellings(alias)) for alias, task in minors]
    directions = draw(list_or_string(st.sampled_from(_DIRECTIONS)))
    if draw(st.booleans()):
        directions = [draw(st.sampled_from(_DIRECTIONS)) for _ in spelt]
    kind: dict[str, Any] = {
        "major": draw(list_or_string(st.sampled_from([task.major for _, task in minors]) | texts, 2)),
        "minor": spelt[0] if len(spelt) == 1 and draw(st.booleans()) else spelt,
        "U/G": directions,
    }
    unseen = draw(st.sampled_from([True, False, None, "absent"]))
    kind |= {} if unseen == "absent" else {"unseen": unseen}
    kind |= draw(st.dictionaries(keys, json_values, max_size=1).map(lambda d: _without(d, kind)))
    record = {
        "uuid": draw(texts.filter(str.strip)),
        "instruction": draw(marked_texts())[0],
        "input": draw(marked_texts())[0],
        "output": draw(marked_texts().map(lambda pair: pair[0]).filter(str.strip)),
        "split": draw(list_or_string(st.sampled_from(_SPLITS), 3)),
        "task_type": kind,
        "domain": draw(
            st.sampled_from(["audio", "sound", "Sound"]) if domain == "audio" else st.just(domain)
        ),
        "source": draw(st.none() | texts | st.lists(texts, max_size=2)),
        "other": draw(json_values),
    }
    for key in draw(st.sets(st.sampled_from(["source", "other"]))):
        del record[key]
    record |= draw(st.dictionaries(keys, json_values, max_size=2).map(lambda d: _without(d, record)))
    return dict(draw(st.permutations(list(record.items()))))


@st.composite
def standard_records(draw: st.DrawFn) -> dict[str, Any]:
    """A record just as the paper prints it: lists of one, canonical names, nothing else."""
    task = draw(st.sampled_from(_TASKS))
    return {
        "instruction": draw(texts),
        "input": draw(marked_texts())[0],
        "output": draw(marked_texts().map(lambda pair: pair[0]).filter(str.strip)),
        "uuid": draw(texts.filter(str.strip)),
        "split": [draw(st.sampled_from(["train", "dev", "test"]))],
        "task_type": {
            "major": [task.major],
            "minor": [task.minor],
            "U/G": [draw(st.sampled_from(["understanding", "generation"]))],
            "unseen": draw(st.booleans()),
        },
        "domain": task.domain,
        "source": draw(st.lists(texts, max_size=2)),
        "other": None,
    }


def _without(extra: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    taken = {*known, "source", "other", "unseen"}
    return {key: value for key, value in extra.items() if key not in taken}
