"""The task table as a Polars frame."""

from typing import TYPE_CHECKING

from audio_flan.taxonomy.tables import taxonomy

if TYPE_CHECKING:
    import polars as pl


def tasks() -> "pl.DataFrame":
    """Return the 80 minor tasks, a row each, in the order of the paper's Table 1.

    Returns
    -------
    polars.DataFrame
        Columns ``config, domain, major, minor, major_config, direction, output_direction, input, output,
        definition``; all strings.
    """
    import polars as pl

    rows = taxonomy().tasks.values()
    return pl.DataFrame(
        {
            "config": [task.config for task in rows],
            "domain": [task.domain for task in rows],
            "major": [task.major for task in rows],
            "minor": [task.minor for task in rows],
            "major_config": [task.major_config for task in rows],
            "direction": [task.direction for task in rows],
            "output_direction": [task.output_direction for task in rows],
            "input": [" + ".join(task.input_modality) for task in rows],
            "output": [" + ".join(task.output_modality) for task in rows],
            "definition": [task.definition for task in rows],
        }
    )
