"""README.md of an export: what it was asked for, and how much there is of what."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from audio_flan.card import find_source, licence_of
from audio_flan.card.markdown import escape, json_block, table
from audio_flan.exporting.job import DrawnLeaf
from audio_flan.exporting.request import Request
from audio_flan.mixing import LEVELS, Plan, RowFilter

BEGIN: Final = "<!-- audio-flan export: begin -->"
END: Final = "<!-- audio-flan export: end -->"


Leaves = Sequence[DrawnLeaf]
"""The rows that were written."""


def subset_text(request: Request, leaves: Leaves, plan: Plan | None, quarantined: dict[str, int]) -> str:
    """Return the section that says what this subset is."""
    rows = sum(leaf.rows for leaf in leaves)
    tasks = len({leaf.task for leaf in leaves})
    corpora = len({leaf.corpus for leaf in leaves})
    origin = f"exported from the {request.form} form at revision `{request.revision}`"
    lines = ["## This subset", f"{rows:,} rows of {tasks:,} tasks from {corpora:,} corpora, {origin}."]
    if plan is not None:
        lines += [_of_plan(plan), *_of_filter(plan.row_filter)]
        lines.append(table(_PLAN_COLUMNS, list(_plan_rows(plan, leaves))))
    else:
        lines += [*_of_choice(request), table(_LEAF_COLUMNS, list(_leaf_rows(leaves)))]
    if quarantined:
        listing = ", ".join(f"{count:,} `{reason}`" for reason, count in sorted(quarantined.items()))
        lines.append(f"Selected and not written: {listing}. `quarantine.jsonl` names each row.")
    if any(leaf.rows > leaf.distinct for leaf in leaves):
        lines.append("A row that is drawn several times is there several times, with the same uuid.")
    return "\n\n".join(lines)


def export_card(request: Request, subset: str, leaves: Leaves, split: str, shape: str) -> str:
    """Return the README.md of an export that has no card of its own yet.

    Examples read `split`, and of tars those in the folder `shape`.
    """
    loading = _LOADING[request.style or request.to].format(split=split, shape=shape)
    sections = ("# A subset of Audio-FLAN", subset, f"## Load it\n\n{loading}", _sources(leaves))
    return "\n\n".join(sections) + "\n"


def add_subset(card: str, subset: str) -> str:
    """Put the section into a card that was generated, in front of what is generated."""
    block = f"{BEGIN}\n\n{subset}\n\n{END}"
    before, found, rest = card.partition(BEGIN)
    if found:
        return before + block + rest.partition(END)[2]
    head, rule, text = _after_front_matter(card)
    return f"{head}{rule}\n{block}\n{text}"


def _after_front_matter(card: str) -> tuple[str, str, str]:
    """Cut a card behind its YAML."""
    if not card.startswith("---\n"):
        return "", "", card
    return card.partition("\n---\n")


def _of_plan(plan: Plan) -> str:
    balance = plan.balance_after
    repeat = plan.largest_repeat
    available = sum(leaf.available for leaf in plan.leaves)
    return (
        f"Drawn by the plan `{plan.hash}` (`plan.toml`), split {plan.split}, seed {plan.seed}: "
        f"{plan.rows:,} of {available:,} rows, repeats counted; effective number of "
        f"{plan.mixture.by}s {balance.effective:,.1f}; at most {repeat.epochs:,.2f} epochs. Shares are of "
        f"{plan.mixture.unit}."
    )


def _of_choice(request: Request) -> Iterator[str]:
    yield f"Config `{request.config}`, splits {', '.join(request.splits)}."
    yield from _of_filter(request.row_filter)


def _of_filter(row_filter: RowFilter) -> Iterator[str]:
    if row_filter:
        default = RowFilter()
        said = {
            name: value
            for name, value in msgspec.structs.asdict(row_filter).items()
            if value != getattr(default, name)
        }
        yield f"Rows that pass:\n\n{json_block(said)}"


_PLAN_COLUMNS: Final = (
    "direction", "domain", "task", "corpus", "available", "rows", "written", "epochs", "share before %",
    "share after %", "hours",
)  # fmt: skip
_LEAF_COLUMNS: Final = ("split", "direction", "domain", "task", "corpus", "rows")


def _plan_rows(plan: Plan, leaves: Leaves) -> Iterator[tuple[str | float, ...]]:
    """Yield what the plan draws of each leaf, and what was written of that."""
    written = {(leaf.direction, leaf.domain, leaf.task, leaf.corpus): leaf.rows for leaf in leaves}
    for row in plan.table.iter_rows(named=True):
        yield (
            row["direction"], row["domain"], f"`{row['task']}`", escape(row["corpus"]), row["available"],
            row["target"], written.get(tuple(row[level] for level in LEVELS), 0), row["epochs"],
            100 * row["share_before"], 100 * row["share_after"], row["seconds"] / 3600,
        )  # fmt: skip


def _leaf_rows(leaves: Leaves) -> Iterator[tuple[str | float, ...]]:
    for leaf in leaves:
        yield (
            leaf.split, leaf.direction, leaf.domain, f"`{leaf.task}`", escape(leaf.corpus), leaf.rows,
        )  # fmt: skip


def _sources(leaves: Leaves) -> str:
    rows: dict[str, int] = {}
    for leaf in leaves:
        rows[leaf.corpus] = rows.get(leaf.corpus, 0) + leaf.rows
    listing = [(escape(name), rows[name], escape(licence_of(find_source(name)))) for name in sorted(rows)]
    return f"""\
## Sources and licences

The audio keeps the licence of the corpus it comes from; "unknown" means that nobody has checked.

{table(("corpus", "rows", "licence"), listing)}"""


_LOADING: Final = {
    "release": """\
The release form: `audio_flan.load_dataset("FOLDER")` reads it, `audio-flan build FOLDER OUT` builds it.

Clips are hard links to those of the source where that was on the same disk: one that is changed in place is
changed there, too.""",
    "webdataset": """\
Plain WebDataset tars: a sample is `<key>.json`, all fields of the row, and `<key>.input0.flac`,
`<key>.output0.flac`, ..., its clips as they are. The key is made of uuid, task and number of the repeat.
Samples of a folder have the same fields, as `datasets` wants them. So a tar holds samples of one kind only:
shuffle tars and samples to mix them.

```python
import glob
import webdataset
tars = sorted(glob.glob("FOLDER/*/{split}-*.tar"))
samples = webdataset.WebDataset(tars, shardshuffle=len(tars)).shuffle(1000)

import datasets
rows = datasets.load_dataset("webdataset", data_files="FOLDER/{shape}/{split}-*.tar", streaming=True)
```""",
    "jsonl": """\
Text only, a file for each split; audio by its id and length in seconds:

```python
import datasets
rows = datasets.load_dataset("json", data_files="FOLDER/{split}.jsonl")
```""",
    "qwen2-audio": """\
A conversation on each line, for the chat template of Qwen2-Audio: `processor.apply_chat_template(messages)`.
`audio_url` is relative to this folder: run in it, or put the folder before it. Read the file line by
line with `json.loads`, or with `datasets` 5 or later: an older one gives every part of a message the keys of
all, so that each text is taken for a clip.""",
    "ms-swift": """\
A conversation on each line, for ms-swift: in this folder, `swift sft --dataset {split}.jsonl ...`. Paths of
clips are relative to this folder.""",
    "llama-factory": """\
Conversations for LLaMA-Factory, with `dataset_info.json`: `dataset_dir: FOLDER`, `media_dir: FOLDER`,
`dataset: audio_flan_{split}`.""",
}
