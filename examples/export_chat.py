"""Export conversations for a trainer, and read them as it does: by `dataset_info.json` of LLaMA-Factory.

    audio-flan demo && audio-flan build demo demo-indexed
    python examples/export_chat.py demo-indexed talk

Rows whose answer is sound are left out and counted: no trainer of conversations takes them.
"""

import argparse
import json
from pathlib import Path

import datasets
import soundfile

import audio_flan


def conversations(folder: Path, name: str) -> datasets.Dataset:
    """Read a data set by its entry, with the columns and the tags that it names."""
    entry = json.loads((folder / "dataset_info.json").read_text())[name]
    text = datasets.Value("string")
    message = {entry["tags"]["role_tag"]: text, entry["tags"]["content_tag"]: text}
    columns = entry["columns"]
    features = datasets.Features({columns["messages"]: [message], columns["audios"]: [text]})
    path = str(folder / entry["file_name"])
    return datasets.load_dataset("json", data_files=path, features=features, split="train")


def main() -> None:
    """Export what is short enough, read it again, and show the first conversation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", default="demo-indexed", help="data in any form")
    parser.add_argument("out", nargs="?", type=Path, default=Path("talk"), help="a new folder")
    options = parser.parse_args()

    summary = audio_flan.export(
        options.root, options.out, split="train", max_seconds=10, to="chat", style="llama-factory"
    )
    print(f"{summary.rows} conversations with {summary.clips} clips; not carried: {summary.quarantined}")

    rows = conversations(options.out, "audio_flan_train")
    clips = [options.out / path for row in rows for path in row["audios"]]
    tags = sum(message["content"].count("<audio>") for row in rows for message in row["messages"])
    seconds = sum(soundfile.info(clip).duration for clip in clips)
    print(f"read {len(rows)} conversations with {tags} tags for {len(clips)} clips, {seconds:.0f} seconds")
    print(json.dumps(rows[0], indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
