"""See how even the labels of each task are, and what a model scores that always says the same.

    audio-flan demo && audio-flan build demo demo-indexed
    python examples/label_balance.py demo-indexed

Answers are free text: the labels are read out of them. "even" is the entropy of the labels as a share of the
most that it can be. A model is to be compared with the last two columns: how often it is right to say of
every clip of test what is commonest in train, and how often a guess is.
"""

import argparse

import audio_flan
from audio_flan.analysis.labels.statistics import LabelStatistics


def right(label: str, tested: LabelStatistics | None) -> str:
    """Say how often it is the answer, in percent; a dash where no answer of test has a label."""
    if tested is None or not tested.covered:
        return "-"
    return f"{100 * tested.labels.get(label, 0) / tested.covered:.1f}"


def main() -> None:
    """Print a line for each task whose answer is one of several labels, the least even first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", default="demo-indexed", help="data in any form")
    parser.add_argument("--config", default="all", help="a task or a group of tasks")
    options = parser.parse_args()

    train = audio_flan.stats(options.root, options.config, "train", labels=True).labels
    test = audio_flan.stats(options.root, options.config, "test", labels=True).labels
    print(
        f"{'task':51} {'rows':>6} {'labels':>6} {'even %':>6}  {'commonest':24} {'right %':>7} {'guess %':>7}"
    )
    for task, found in sorted(train.items(), key=lambda item: item[1].normalised_entropy):
        if found.distinct > 1 and not found.multiple:
            print(
                f"{task:51} {found.rows:6} {found.distinct:6} {100 * found.normalised_entropy:6.1f}  "
                f"{found.majority_label[:24]:24} {right(found.majority_label, test.get(task)):>7} "
                f"{100 / found.distinct:7.1f}"
            )


if __name__ == "__main__":
    main()
