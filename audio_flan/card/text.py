"""From a manifest to the text of the card."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from audio_flan.card.fields import FIELDS
from audio_flan.card.limits import biases, limitations
from audio_flan.card.loading_text import how_to_load
from audio_flan.card.markdown import code, escape, json_block, table
from audio_flan.card.paper import CITATION, PAPER_URL
from audio_flan.card.sources import UNKNOWN, find_source, licence_of
from audio_flan.card.totals import Totals, splits_of, totals_of
from audio_flan.records import SPLITS
from audio_flan.shards import Manifest
from audio_flan.taxonomy import list_configs, taxonomy

_TEXT_CHARACTERS: Final = 300
"""Characters of a string that the example shows."""


def card_text(manifest: Manifest, repo_id: str | None = None, example: dict[str, Any] | None = None) -> str:
    """Return the text of the card, without the YAML.

    Parameters
    ----------
    repo_id : str, optional
        ORG/NAME on the Hub, for the lines of code.
    example : dict, optional
        A row with embedded audio, to be shown.
    """
    totals = totals_of(manifest)
    sections = (
        _introduction(manifest, totals),
        how_to_load(manifest, totals, repo_id),
        _configs(totals),
        _splits(totals),
        _fields(example),
        _sources(manifest),
        _limits(manifest, totals),
        f"## Citation\n\n{code(CITATION, 'bibtex')}",
    )
    return "\n\n".join(sections) + "\n"


def _introduction(manifest: Manifest, totals: Totals) -> str:
    rows = sum(total.rows for total in totals.values())
    tasks = len({task for task, _ in totals})
    clips = sum(corpus.clips for corpus in manifest.corpora)
    hours = sum(corpus.clip_seconds for corpus in manifest.corpora) / 3600
    corpora = len({count.corpus for count in manifest.counts})
    return f"""\
# Audio-FLAN

Instruction tuning for audio: speech, music and sound, understanding and generation
([paper]({PAPER_URL})). An instance has an `instruction`, an `input` and an `output`;
audio stands in the text as `<|SOA|>ID<|EOA|>`, and beside it as sound.

This copy holds {rows:,} rows of {tasks} minor tasks (of 80) from {corpora:,} corpora, with {clips:,} clips of
{hours:,.2f} hours, in the **{manifest.form}** form of the `audio-flan` toolkit."""


def _configs(totals: Totals) -> str:
    order = {name: number for number, name in enumerate(_in_order())}
    rows: list[tuple[str | float, ...]] = []
    for name in sorted(list_configs(), key=order.__getitem__):
        splits = splits_of(totals, name)
        if splits:
            counts = [splits[split].rows if split in splits else 0 for split in SPLITS]
            hours = sum(total.seconds for total in splits.values()) / 3600
            rows.append((f"`{name}`", sum(counts), *counts, hours))
    listing = table(("config", "rows", *SPLITS, "hours"), rows)
    return f"""\
## Configs

`sample`, the default, is up to three rows of every task. The others are the minor tasks, the major tasks, and
groups of them; those without rows in this copy are left out. Hours are those of the clips that rows refer to:
a clip that four rows use counts four times.

{listing}"""


def _in_order() -> Iterator[str]:
    """Yield the configs: groups first, then each major task with its minor ones."""
    configs = taxonomy().configs
    groups = [name for name, config in configs.items() if config.kind not in ("major", "minor")]
    members = (name for task in taxonomy().tasks.values() for name in (task.major_config, task.config))
    yield from dict.fromkeys((*groups, *members))


def _splits(totals: Totals) -> str:
    found = splits_of(totals, "all")
    rows = [(f"`{split}`", total.rows, total.seconds / 3600) for split, total in found.items()]
    return f"""\
## Splits

{table(("split", "rows", "hours"), rows)}

`validation` is the release's `dev`. Instances were split, not recordings: a clip may occur in several
splits."""


def _fields(example: dict[str, Any] | None) -> str:
    shown = "" if example is None else f"\n\nA row of `sample`:\n\n{json_block(_shortened(example))}"
    rows = [(", ".join(f"`{name}`" for name in each.columns), each.type, each.what) for each in FIELDS]
    return f"## Fields\n\n{table(('field', 'type', 'what it is'), rows)}{shown}"


def _shortened(value: Any) -> Any:  # noqa: ANN401 - any value of a row
    """Return a value that is fit to be printed."""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, str) and len(value) > _TEXT_CHARACTERS:
        return f"{value[:_TEXT_CHARACTERS]}..."
    if isinstance(value, Mapping):
        return {key: _shortened(inner) for key, inner in value.items()}
    return [_shortened(inner) for inner in value] if isinstance(value, list) else value


def _sources(manifest: Manifest) -> str:
    rows: list[tuple[str | float, ...]] = []
    for corpus in manifest.corpora:
        if corpus.rows or corpus.clips:
            source = find_source(corpus.corpus)
            hours = corpus.clip_seconds / 3600
            note = (source.licence_note if source else "not in the paper's table of sources") or ""
            rows.append(
                (
                    escape(corpus.corpus), corpus.rows, corpus.clips, hours, escape(licence_of(source)),
                    _yes_or_no(source.redistribution if source else None),
                    _yes_or_no(source.commercial_use if source else None), escape(note),
                )
            )  # fmt: skip
    columns = ("corpus", "rows", "clips", "hours", "licence", "may be passed on", "commercial use", "note")
    return f"""\
## Sources and licences

The audio keeps the licence of the corpus it comes from. These are facts as far as they are known, no legal
advice; "unknown" means that nobody has checked: take it as "no".

{table(columns, rows)}"""


def _yes_or_no(value: bool | None) -> str:
    return {True: "yes", False: "no", None: UNKNOWN}[value]


def _limits(manifest: Manifest, totals: Totals) -> str:
    lines = [f"* {sentence}" for sentence in (*biases(totals), *limitations(manifest))]
    return "\n".join(("## Known limits\n", *lines))
