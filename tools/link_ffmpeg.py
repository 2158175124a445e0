"""Make the FFmpeg libraries inside the `av` wheel visible to torchcodec: no system package needed.

``python tools/link_ffmpeg.py DIR`` fills DIR with links and prints the value for ``LD_LIBRARY_PATH``, which
has to be set before the Python process starts. Linux only: other wheels hold their libraries elsewhere.
"""

import importlib.util
import re
import sys
from pathlib import Path

_MANGLED = re.compile(r"^(lib(?:av|sw)\w+)-[0-9a-f]{8}(\.so\.\d+)")


def link(folder: Path) -> str:
    """Fill `folder` with links under the names that torchcodec asks for; return the search path."""
    spec = importlib.util.find_spec("av")
    if spec is None or spec.origin is None:
        raise SystemExit("the package av is not installed")
    libraries = Path(spec.origin).parent.parent / "av.libs"
    folder.mkdir(parents=True, exist_ok=True)
    for library in libraries.iterdir():
        found = _MANGLED.match(library.name)
        if found:
            name = folder / (found[1] + found[2])
            name.unlink(missing_ok=True)
            name.symlink_to(library)
    return f"{folder.resolve()}:{libraries}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(link(Path(sys.argv[1])))
