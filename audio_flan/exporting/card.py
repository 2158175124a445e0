"""README.md of an export: what it was asked for, and how much there is of what."""

from collections.abc import Iterator
from typing import Final

import msgspec

from audio_flan.card import find_source, licence_of
from audio_flan.card.markdown import escape, json_block, table
from audio_flan.exporting.job import Selected
from audio_flan.exporting.request import Request
from audio_flan.mixing import Plan, RowFilter

BEGIN: Final = "<!-- audio-flan export: begin -->"
END: Final = "<!-- audio-flan export: end -->"


def subset_text(request: Request, selected: Selected, plan: Plan | None, quarantined: dict[str, int]) -> str:
    """Return the section that says what this subset is."""
    rows = selected.rows - sum(quarantined.values())
    tasks = len({leaf.task for leaf in selected.leaves})
    corpora = len({leaf.corpus for leaf in selected.leaves})
    origin = f"exported from the {request.form} form at revision `{request.revision}`"
    lines = ["## This subset", f"{rows:,} rows of {tasks:,} tasks from {corpora:,} corpora, {origin}."]
    if plan is not None:
        lines += [_of_plan(plan), *_of_filter(plan.row_filter), table(_PLAN_COLUMNS, list(_plan_rows(plan)))]
    else:
        lines += [*_of_choice(request), table(_LEAF_COLUMNS, list(_leaf_rows(selected)))]
    if quarantined:
        listing = ", ".join(f"{count:,} `{reason}`" for reason, count in sorted(quarantined.items()))
        lines.append(f"Selected and not written: {listing}. `quarantine.jsonl` names each row.")
    if any(leaf.rows > leaf.distinct for leaf in selected.leaves):
        lines.append("A row that is drawn several times is there several times, with the same uuid.")
    return "\n\n".join(lines)


def export_card(request: Request, subset: str, selected: Selected, splits: list[str]) -> str:
    """Return the README.md of an export that has no card of its own yet."""
    sections = ("# A subset of Audio-FLAN", subset, _how_to_load(request, splits), _sources(selected))
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
    "direction", "domain", "task", "corpus", "available", "rows", "epochs", "share before %", "share after %",
    "hours",
)  # fmt: skip
_LEAF_COLUMNS: Final = ("split", "direction", "domain", "task", "corpus", "rows")


def _plan_rows(plan: Plan) -> Iterator[tuple[str | float, ...]]:
    for row in plan.table.iter_rows(named=True):
        yield (
            row["direction"], row["domain"], f"`{row['task']}`", escape(row["corpus"]), row["available"],
            row["target"], row["epochs"], 100 * row["share_before"], 100 * row["share_after"],
            row["seconds"] / 3600,
        )  # fmt: skip


def _leaf_rows(selected: Selected) -> Iterator[tuple[str | float, ...]]:
    for leaf in selected.leaves:
        yield (
            leaf.split, leaf.direction, leaf.domain, f"`{leaf.task}`", escape(leaf.corpus), leaf.rows,
        )  # fmt: skip


def _sources(selected: Selected) -> str:
    rows: dict[str, int] = {}
    for leaf in selected.leaves:
        rows[leaf.corpus] = rows.get(leaf.corpus, 0) + leaf.rows
    listing = [(escape(name), rows[name], escape(licence_of(find_source(name)))) for name in sorted(rows)]
    return f"""\
## Sources and licences

The audio keeps the licence of the corpus it comes from; "unknown" means that nobody has checked.

{table(("corpus", "rows", "licence"), listing)}"""


def _how_to_load(request: Request, splits: list[str]) -> str:
    split = splits[0] if splits else "train"
    return f"## Load it\n\n{_LOADING[request.style or request.to].format(split=split)}"


_LOADING: Final = {
    "release": """\
The release form: `audio_flan.load_dataset("FOLDER")` reads it, `audio-flan build FOLDER OUT` builds it.""",
    "webdataset": """\
Plain WebDataset tars: a sample is `<key>.json`, all fields of the row, and `<key>.input0.flac`,
`<key>.output0.flac`, ..., its clips as they are. The key is made of uuid, task and number of the repeat.
Samples of a folder have the same fields, as `datasets` wants them:

```python
import glob
import webdataset
samples = webdataset.WebDataset(sorted(glob.glob("FOLDER/*/{split}-*.tar")), shardshuffle=False)

import datasets
rows = datasets.load_dataset("webdataset", data_files="FOLDER/input0-flac/{split}-*.tar", streaming=True)
```""",
    "jsonl": """\
Text only, a file for each split; audio by its id and length in seconds:

```python
import datasets
rows = datasets.load_dataset("json", data_files="FOLDER/{split}.jsonl")
```""",
    "qwen2-audio": """\
A conversation on each line, for the chat template of Qwen2-Audio: `processor.apply_chat_template(messages)`.
`audio_url` is relative to this folder: run in it, or put the folder before it.""",
    "ms-swift": """\
A conversation on each line, for ms-swift: in this folder, `swift sft --dataset {split}.jsonl ...`. Paths of
clips are relative to this folder.""",
    "llama-factory": """\
Conversations for LLaMA-Factory, with `dataset_info.json`: `dataset_dir: FOLDER`, `media_dir: FOLDER`,
`dataset: audio_flan_{split}`.""",
}
