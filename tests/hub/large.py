"""A repo of very many files: those of a small one again and again."""

import re
import shutil
from pathlib import Path
from typing import Literal

import msgspec

from audio_flan.shards import read_manifest, write_manifest

FILES = 20_000


def enlarge(root: Path, folder: Path, kind: Literal["audio", "data"]) -> dict[str, Path]:
    """Write card and manifest of a repo of 20,000 files into a new folder; return where its other files are.

    The `kind` is that of the files that are so many: ``audio``, the shards of clips of the indexed form, or
    ``data``, the row files, as in the embedded form.
    """
    folder.mkdir(parents=True)
    shutil.copy(root / "README.md", folder)
    manifest = read_manifest(root)
    files = list(manifest.files)
    origins = {file.path: root / file.path for file in files}
    many = [file for file in files if file.path.startswith(f"{kind}/")]
    for number in range(FILES - len(files)):
        file = many[number % len(many)]
        path = re.sub(r"-\d{5}", f"-{FILES + number}", file.path, count=1)
        files.append(msgspec.structs.replace(file, path=path))
        origins[path] = root / file.path
    write_manifest(folder, msgspec.structs.replace(manifest, files=tuple(files)))
    return origins
