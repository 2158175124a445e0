"""How close the shuffled order of built roots is to a uniform one.

    python tools/bench/shuffle.py ROOT... [--config all] [--split train] [--report FILE]

For the rows of each root, in the shuffled order and in a uniform permutation of the same rows: how far a row
goes from its place in the files, how long runs of one task are, and how many tasks a batch of 64 rows has.
"""

import argparse
import platform
from pathlib import Path

import numpy as np

import audio_flan
from audio_flan.streaming.order import ORDER_VERSION, SHORT_RUNS

BATCH = 64
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("roots", nargs="+", metavar="ROOT")
    parser.add_argument("--config", default="all")
    parser.add_argument("--split", default="train")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    text = report([measure(root, options.config, options.split) for root in options.roots])
    print(text)
    if options.report:
        options.report.write_text(text)


def measure(root: str, config: str, split: str) -> dict[str, float]:
    """Return the three measures of a root's rows, shuffled and truly shuffled."""
    tasks, place = in_file_order(root, config, split)
    shuffled = np.array([place[key] for key in keys(root, config, split, shuffle=True)])
    uniform = np.random.default_rng(SEED).permutation(len(shuffled))
    found = {"rows": len(shuffled), "tasks": len(set(tasks.tolist()))}
    for name, order in (("ours", shuffled), ("uniform", uniform)):
        labels = tasks[order]
        batches = [labels[i : i + BATCH] for i in range(0, len(labels) - BATCH + 1, BATCH)]
        found |= {
            f"moved {name}": float(np.abs(order - np.arange(len(order))).mean() / len(order)),
            f"runs {name}": len(labels) / (1 + int(np.count_nonzero(labels[1:] != labels[:-1]))),
            f"kinds {name}": float(np.mean([len(set(batch.tolist())) for batch in batches])),
        }
    return found


def in_file_order(root: str, config: str, split: str) -> tuple[np.ndarray, dict[tuple[str, str], int]]:
    """Return the tasks of the rows as the files have them, and the number of each row."""
    listed = keys(root, config, split, shuffle=False)
    names = {task: number for number, task in enumerate(dict.fromkeys(task for _, task in listed))}
    return np.array([names[task] for _, task in listed]), {key: i for i, key in enumerate(listed)}


def keys(root: str, config: str, split: str, *, shuffle: bool) -> list[tuple[str, str]]:
    """Return uuid and task of the rows, in order."""
    rows = audio_flan.stream(root, config, split, shuffle=shuffle, seed=SEED, columns=["uuid", "task"])
    return [(row["uuid"], row["task"]) for row in rows]


def report(found: list[dict[str, float]]) -> str:
    """Return the figures as Markdown."""
    window_rows, block_rows, lanes = SHORT_RUNS
    lines = [
        "# How close the shuffled order is to a uniform one",
        "",
        "Written by `python tools/bench/shuffle.py ROOT... --report FILE`.",
        f"Python {platform.python_version()}, audio-flan {audio_flan.__version__}, order {ORDER_VERSION}:",
        f"windows of {window_rows:,} rows, blocks of {block_rows} rows, {lanes} lanes; seed {SEED}.",
        "Each figure is followed by that of a uniform permutation of the same rows.",
        "",
        f"| rows | tasks | way of a row, part of all | run of a task | tasks in a batch of {BATCH} |",
        "|---:|---:|---:|---:|---:|",
    ]
    for each in found:
        pairs = [
            f"{each[f'{name} ours']:.3f} / {each[f'{name} uniform']:.3f}"
            for name in ("moved", "runs", "kinds")
        ]
        lines.append(f"| {each['rows']:,} | {each['tasks']} | {' | '.join(pairs)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
