"""From a manifest to Croissant metadata: JSON-LD that says what the files are, and how they are read.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from audio_flan.card.croissant_context import CONFORMS_TO, CONTEXT
from audio_flan.card.limits import biases, limitations
from audio_flan.card.paper import CITATION, PAPER_URL, PUBLISHED, PUBLISHER
from audio_flan.card.record_sets import CLIPS, FILES_OF, ROWS, SAMPLE, Node, record_sets
from audio_flan.card.sources import Source, find_source, licence_of
from audio_flan.card.totals import totals_of
from audio_flan.shards import MANIFEST_NAME, CorpusFacts, FileFacts, Manifest, folder_name
from audio_flan.shards.layout import SAMPLE_FILE, split_of_row_file
from audio_flan.shards.manifest import manifest_bytes
from audio_flan.shards.names import extension_of

CROISSANT_NAME: Final = "croissant.json"
_REPO: Final = "repo"
_REPO_URL: Final = "https://huggingface.co/datasets/{}"
_NO_HASH: Final = "https://github.com/mlcommons/croissant/issues/80"
"""Stands for the SHA-256 of a Git repo, which has none, in the Hub's own Croissant files, too."""
_PARQUET: Final = "application/x-parquet"
_MEDIA_TYPES: Final = {
    "FLAC": "audio/flac", "WAV": "audio/wav", "WAVEX": "audio/wav", "RF64": "audio/wav", "MP3": "audio/mpeg",
    "OGG": "audio/ogg", "M4A": "audio/mp4", "WEBM": "audio/webm", "AAC": "audio/aac", "AIFF": "audio/aiff",
}  # fmt: skip


def croissant_text(manifest: Manifest, repo_id: str | None = None) -> str:
    """Return the text of ``croissant.json``; the parameters are those of `croissant`."""
    return json.dumps(croissant(manifest, repo_id), ensure_ascii=False, indent=1) + "\n"


def croissant(manifest: Manifest, repo_id: str | None = None) -> dict[str, Any]:
    """Return the Croissant metadata of a root.

    Parameters
    ----------
    repo_id : str, optional
        ORG/NAME on the Hub. Without it, files are looked for in the folder of ``croissant.json``.
    """
    totals = totals_of(manifest)
    corpora = [corpus for corpus in manifest.corpora if corpus.rows or corpus.clips]
    url = _REPO_URL.format(repo_id) if repo_id else PAPER_URL
    metadata = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": "Audio-FLAN",
        "conformsTo": list(CONFORMS_TO),
        "description": _description(manifest),
        "url": url,
        "license": _distinct([_licence(corpus.corpus) for corpus in corpora]) or [_in_words(None)],
        "creator": {
            "@type": "sc:Organization",
            "name": PUBLISHER,
            "url": f"https://huggingface.co/{PUBLISHER}",
        },
        "datePublished": PUBLISHED,
        "version": f"{manifest.layout}.0.0+{manifest.revision}",
        "citeAs": CITATION,
        "inLanguage": ["en", "zh"],
        "keywords": ["audio", "speech", "music", "sound", "instruction tuning"],
        "isBasedOn": [_source(corpus) for corpus in corpora],
        "rai:dataBiases": list(biases(totals)),
        "rai:dataLimitations": list(limitations(manifest)),
        "distribution": [*_distribution(manifest, repo_id)],
        "recordSet": [*record_sets(manifest.form, totals, _has_sample(manifest))],
    }
    return {key: value for key, value in metadata.items() if value}


def _description(manifest: Manifest) -> str:
    rows = sum(count.rows for count in manifest.counts)
    tasks = len({count.task for count in manifest.counts if count.rows})
    clips = sum(corpus.clips for corpus in manifest.corpora)
    hours = sum(corpus.clip_seconds for corpus in manifest.corpora) / 3600
    return (
        "Instruction tuning for audio: speech, music and sound, understanding and generation. "
        f"This copy holds {rows:,} instances of {tasks} tasks, with {clips:,} clips of {hours:,.2f} hours, "
        f"in the {manifest.form} form of the audio-flan toolkit. "
        "The audio keeps the licence of the corpus it comes from."
    )


def _licence(corpus: str) -> str | Node:
    """Return the licence of the audio of a corpus: a URL where SPDX has it, else in words."""
    source = find_source(corpus)
    if source is None or source.licence is None or source.licence.startswith("LicenseRef-"):
        return _in_words(source)
    return f"https://spdx.org/licenses/{source.licence}.html"


def _in_words(source: Source | None) -> Node:
    return {"@type": "sc:CreativeWork", "name": licence_of(source)}


def _source(corpus: CorpusFacts) -> Node:
    """Return a corpus as what this data set is made from."""
    source = find_source(corpus.corpus)
    about = f"{corpus.rows:,} instances; {corpus.clips:,} clips of {corpus.clip_seconds / 3600:,.2f} hours"
    node = {"@type": "sc:CreativeWork", "name": corpus.corpus, "description": about}
    known = {"alternateName": source.name} if source else {}
    return {**node, **known, "license": _licence(corpus.corpus)}


def _distinct(values: list[Any]) -> list[Any]:
    found = {json.dumps(value, sort_keys=True): value for value in values}
    return [found[key] for key in sorted(found)]


def _has_sample(manifest: Manifest) -> bool:
    return any(file.path == SAMPLE_FILE for file in manifest.files)


def _distribution(manifest: Manifest, repo_id: str | None) -> Iterator[Node]:
    """Yield the repo, the manifest, and the files as sets: rows, the sample, the index, clips by corpus."""
    inside: Node = {}
    if repo_id:
        yield {
            "@type": "cr:FileObject",
            "@id": _REPO,
            "name": _REPO,
            "description": "The Git repository on the Hugging Face Hub.",
            "contentUrl": _REPO_URL.format(repo_id),
            "encodingFormat": "git+https",
            "sha256": _NO_HASH,
        }
        inside = {"containedIn": {"@id": _REPO}}
    data = manifest_bytes(manifest)
    yield {
        "@type": "cr:FileObject",
        "@id": MANIFEST_NAME,
        "name": MANIFEST_NAME,
        "description": "The manifest: size in bytes and 64-bit XXH3 of every file, counts of rows and clips.",
        **inside,
        "contentUrl": MANIFEST_NAME,
        "contentSize": f"{len(data)} B",
        "encodingFormat": "application/json",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    rows = [file for file in manifest.files if split_of_row_file(file.path)]
    yield (
        _file_set(FILES_OF[ROWS], "The instances, by task and split", "data/*.parquet", _PARQUET, rows)
        | inside
    )
    if _has_sample(manifest):
        sample = [file for file in manifest.files if file.path == SAMPLE_FILE]
        yield _file_set(FILES_OF[SAMPLE], "The sample", "sample/*.parquet", _PARQUET, sample) | inside
    if manifest.form == "indexed":
        index = [file for file in manifest.files if re.fullmatch(r"index/.+\.parquet", file.path)]
        yield _file_set(FILES_OF[CLIPS], "The index of clips", "index/*.parquet", _PARQUET, index) | inside
        for corpus in manifest.corpora:
            if corpus.clips:
                yield from _clips(manifest, corpus, inside)


def _clips(manifest: Manifest, corpus: CorpusFacts, inside: Node) -> Iterator[Node]:
    """Yield the shards of the clips of a corpus and, of those that are archives, the clips in them."""
    kind = manifest.recipe.clips
    name = f"audio/{folder_name(corpus.corpus)}"
    shards = [file for file in manifest.files if file.path.startswith(f"{name}/")]
    media = "application/x-tar" if kind == "tar" else _PARQUET
    licence = licence_of(find_source(corpus.corpus))
    title = f"Shards of the clips of {corpus.corpus}"
    yield _file_set(name, title, f"{name}/*.{kind}", media, shards) | inside
    if kind == "tar":
        formats = sorted(corpus.formats)
        yield {
            "@type": "cr:FileSet",
            "@id": f"{name}/clips",
            "name": f"{name}/clips",
            "description": f"{corpus.clips:,} clips, <id>.<format>; licence: {licence}",
            "containedIn": {"@id": name},
            "encodingFormat": _distinct(
                [_MEDIA_TYPES.get(each, "application/octet-stream") for each in formats]
            ),
            "includes": _distinct([f"*.{extension_of(each)}" for each in formats]),
        }


def _file_set(name: str, title: str, glob: str, media: str, files: list[FileFacts]) -> Node:
    size = sum(file.nbytes for file in files)
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": f"{title}: {len(files):,} files, {size:,} bytes.",
        "encodingFormat": media,
        "includes": glob,
    }
