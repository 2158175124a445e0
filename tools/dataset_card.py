"""Write `dataset_card/` anew: the card of the demo corpus, its Croissant metadata, and the figures.

`make cards` runs it. What people wrote into the cards stays.
"""

import shutil
import tempfile
from pathlib import Path

import audio_flan
from audio_flan.analysis.report.charts import charts_of, charts_of_paper
from audio_flan.card import CARD_NAME, make_card_files
from audio_flan.demo import make_demo
from audio_flan.shards import read_manifest

FOLDER = Path(__file__).resolve().parents[1] / "dataset_card"
FIGURES = ("major_tasks.svg", "attributes.svg")
"""In the order of `charts_of`: as in the paper's Figures 2 and 3."""


def card_files(root: Path, kept: Path) -> dict[str, bytes]:
    """Return the files of `dataset_card/`, by path.

    Parameters
    ----------
    root : path
        The demo corpus in the indexed form; its card gets what people wrote into that of `kept`.
    kept : path
        The folder as it is.
    """
    if (kept / "demo" / CARD_NAME).exists():
        shutil.copy(kept / "demo" / CARD_NAME, root / CARD_NAME)
    made = {f"demo/{name}": data for name, data in make_card_files(root, read_manifest(root)).items()}
    drawn = charts_of(audio_flan.stats(root, attributes=True))
    made |= {f"demo/figures/{name}": svg.encode() for name, svg in zip(FIGURES, drawn.values(), strict=True)}
    printed = charts_of_paper().values()
    return made | {f"figures/{name}": svg.encode() for name, svg in zip(FIGURES, printed, strict=True)}


def main() -> None:
    """Make the demo corpus, build it, and write what there is to say of it."""
    with tempfile.TemporaryDirectory() as name:
        release, root = Path(name) / "demo", Path(name) / "demo-indexed"
        make_demo(release)
        audio_flan.build(release, root)
        for path, data in card_files(root, FOLDER).items():
            (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
            (FOLDER / path).write_bytes(data)
            print(f"{path}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
