"""How many rows and clips the generated data has of each task, corpus and split, as in the paper's Table 2.

The paper counts rows by major task. Inside of one they are shared out by the number of corpora that its
Table 3 names for each minor task, among these corpora by sizes that are drawn from their names, and
97 : 1.5 : 1.5 to the splits.
"""

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final
from zlib import crc32

import msgspec

from audio_flan.analysis.statistics.paper import reference
from audio_flan.mixing.apportion import apportion
from audio_flan.records.splits import SPLITS
from audio_flan.taxonomy import taxonomy
from audio_flan.taxonomy.tables import Task

SPLIT_SHARES: Final = (970, 15, 15)
"""Of `SPLITS`, in thousandths."""
USES_OF_CLIP: Final = 4
"""How often rows refer to a clip, about."""
CHINESE: Final = {
    "aishell1", "aishell2", "aishell3", "aidatatang_200zh", "kespeech", "hq_conversations", "genshin",
    "star_rail", "opencpop", "opensinger", "m4singer",
}  # fmt: skip
_RATES: Final = {"speech": (16_000, 24_000, 48_000), "music": (44_100, 48_000), "audio": (16_000, 44_100)}
_SECONDS: Final = {"speech": (1.5, 16.0), "music": (5.0, 30.0), "audio": (1.0, 10.0)}
_KINDS: Final = ("audiobook", "youtube", "studio", "unknown")


@dataclass(frozen=True)
class Corpus:
    """A corpus and what its clips are like.

    Attributes
    ----------
    name : str
        As folders of the release have it, such as ``16_LibriTTS-R``.
    kind : str
        The column ``source`` of its rows.
    sampling_rate : int
        In Hz.
    seconds : tuple of float
        Length of the shortest and of the longest clip.
    clips : int
        Places of clips, [0, clips): each is used by some row.
    """

    name: str
    chinese: bool
    kind: str
    sampling_rate: int
    seconds: tuple[float, float]
    clips: int


@dataclass(frozen=True)
class Leaf:
    """Rows of one task, split and corpus: row r of n begins with the clip at ``first + r * clips // n``."""

    task: Task
    split: str
    corpus: Corpus
    rows: int
    first: int
    clips: int


def clips_of_row(task: Task) -> tuple[int, int]:
    """Return how many clips the input and the output of a row of this task have."""
    fact = _facts()[task.config]
    return fact["n_input_audio"]["min"], fact["n_output_audio"]


def population(rows: int) -> list[Leaf]:
    """Share `rows` out among tasks, splits and corpora; sorted by task (as in Table 1), split and corpus.

    The clips of a corpus are shared out to the splits, as a clip belongs to one; leaves without rows are left
    out.
    """
    shares = _shares(rows)
    uses: dict[tuple[str, str], int] = defaultdict(int)
    most: dict[tuple[str, str], int] = defaultdict(int)
    for (config, split, key), count in shares.items():
        uses[key, split] += count * sum(clips_of_row(taxonomy().tasks[config]))
        most[key, split] = max(most[key, split], count)
    clips = {place: min(most[place], -(-uses[place] // USES_OF_CLIP)) for place in uses}
    corpora, first = {}, {}
    for number, (key, source) in enumerate(_sources().items(), start=1):
        start = 0
        for split in SPLITS:
            first[key, split] = start
            start += clips.get((key, split), 0)
        corpora[key] = _corpus(number, source, start)
    return [
        Leaf(taxonomy().tasks[config], split, corpora[key], count, first[key, split], clips[key, split])
        for (config, split, key), count in shares.items()
    ]


def _shares(rows: int) -> dict[tuple[str, str, str], int]:
    """Return the rows of each task, split and key of a corpus."""
    tasks = list(taxonomy().tasks.values())
    found = {}
    majors = reference().majors
    by_major = _share_out(rows, [major.instances for major in majors])
    for major, of_major in zip(majors, by_major, strict=True):
        minors = [task for task in tasks if task.major_config == major.config]
        carriers = [_carriers(task) for task in minors]
        for task, keys, of_task in zip(
            minors, carriers, _share_out(of_major, [len(keys) for keys in carriers]), strict=True
        ):
            for key, of_corpus in zip(keys, _share_out(of_task, [_size(key) for key in keys]), strict=True):
                for split, count in zip(SPLITS, _share_out(of_corpus, SPLIT_SHARES), strict=True):
                    found[task.config, split, key] = count
    order = [*taxonomy().tasks]
    places = sorted(found, key=lambda place: (order.index(place[0]), SPLITS.index(place[1]), place[2]))
    return {place: found[place] for place in places if found[place]}


def _share_out(total: int, weights: Sequence[int]) -> list[int]:
    return apportion(total, weights, [total] * len(weights))


def _carriers(task: Task) -> list[str]:
    """Return the corpora of a task; those of its major where Table 3 names none."""
    own: list[str] = _facts()[task.config]["sources"]
    major = [fact for fact in _facts().values() if fact["major_config"] == task.major_config]
    return own or sorted({key for fact in major for key in fact["sources"]})


def _size(key: str) -> int:
    """Draw the size of a corpus, beside others."""
    return round(1000 * random.Random(crc32(key.encode())).lognormvariate(0, 1))


def _corpus(number: int, source: dict[str, Any], clips: int) -> Corpus:
    draw, domain = crc32(source["key"].encode()), source["domains"][0]
    short = min((source["name"], *source["aliases"]), key=len)
    return Corpus(
        name=f"{number:02d}_{re.sub(r'[^A-Za-z0-9-]+', '_', short).strip('_')}",
        chinese=source["key"] in CHINESE,
        kind=_KINDS[draw % len(_KINDS)],
        sampling_rate=_RATES[domain][draw % len(_RATES[domain])],
        seconds=_SECONDS[domain],
        clips=clips,
    )


@cache
def _facts() -> dict[str, dict[str, Any]]:
    data = files("audio_flan.taxonomy").joinpath("taxonomy.json").read_bytes()
    return {row["config"]: row for row in msgspec.json.decode(data)["minors"]}


@cache
def _sources() -> dict[str, dict[str, Any]]:
    data = files("audio_flan.card").joinpath("sources.json").read_bytes()
    return {row["key"]: row for row in msgspec.json.decode(data)["sources"]}
