"""The part of the card that says how the data are loaded, by form."""

from audio_flan.card.markdown import code
from audio_flan.card.totals import Totals, splits_of
from audio_flan.shards import Manifest

_PLACEHOLDER = "ORG/NAME"


def how_to_load(manifest: Manifest, totals: Totals, repo_id: str | None) -> str:
    """Return the section."""
    repo = repo_id or _PLACEHOLDER
    config, split = _shown(totals)
    wanted = f'"{repo}", "{config}", split="{split}", streaming=True'
    plain = f"""\
import datasets

datasets.load_dataset("{repo}")  # the config `sample`
rows = datasets.load_dataset({wanted})
next(iter(rows))"""
    ours = f"""\
import audio_flan

rows = audio_flan.load_dataset({wanted})
next(iter(rows))"""
    return "\n\n".join(
        (
            "## Load it",
            *(() if repo_id else (_PLACE,)),
            code(plain, "python"),
            _of_form(manifest),
            _OURS,
            code(ours, "python"),
            _TEXT_ONLY,
        )
    )


def _of_form(manifest: Manifest) -> str:
    if manifest.form == "embedded":
        return _EMBEDDED
    return _INDEXED.format(base=_BASED.format(base=manifest.base) if manifest.base else _LOCAL)


def _shown(totals: Totals) -> tuple[str, str]:
    """Return a config and a split that have rows."""
    config = (
        "speech_asr" if splits_of(totals, "speech_asr") else min((task for task, _ in totals), default="all")
    )
    return config, next(iter(splits_of(totals, config)), "train")


_PLACE = "`ORG/NAME` is this repo, or a folder that holds a copy."

_EMBEDDED = """\
Rows carry their clips as plain `datasets.Audio`: nothing but `datasets` is needed, and the Hub's viewer plays
every config."""

_INDEXED = """\
Each clip is stored once, below `audio/`; the audio cells of a row say where:
`audioflan://<base>/audio/<corpus>/<shard>/<id>.<format>?offset=...&size=...&xxh3=...`.
`pip install audio-flan` teaches `datasets`, through fsspec, to read them: nothing has to be imported. Without
it, `sample` and every column of text load all the same, but a row with audio ends in
`ValueError: Protocol not known: audioflan`; for the same reason the Hub's viewer plays `sample` only.

{base} The environment variable `AUDIO_FLAN_BASE` redirects all cells to a copy: a folder or a URL."""

_BASED = "The cells of this copy point to `{base}`."

_LOCAL = """\
The cells of this copy name no place: `audio_flan.load_dataset` knows the folder it reads; plain `datasets`
needs `AUDIO_FLAN_BASE=FOLDER`, or `audio-flan rebase FOLDER --base URL` once."""

_OURS = """\
`audio_flan.load_dataset` takes the same arguments, gives the same rows with lazily decoded audio, and needs
neither torch nor FFmpeg:"""

_TEXT_ONLY = """\
For text alone, `columns=["instruction", "input", "output"]` leaves the audio out, and with
`storage_options={"hf": {"block_size": 65536}}` little else is downloaded."""
