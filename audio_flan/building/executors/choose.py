"""Which executor is meant, from its name and the options that were given."""

from collections.abc import Mapping
from typing import Any, Final

from audio_flan.building.executors.base import Executor
from audio_flan.building.executors.local import LocalExecutor
from audio_flan.building.executors.ray import RayExecutor
from audio_flan.building.executors.slurm import Slurm
from audio_flan.taxonomy.errors import nearest_names

EXECUTORS: Final[dict[str, type[LocalExecutor | RayExecutor | Slurm]]] = {
    "local": LocalExecutor, "slurm": Slurm, "ray": RayExecutor,
}  # fmt: skip


def choose_executor(name: str, options: Mapping[str, Any]) -> Executor | Slurm:
    """Return the executor `name` with those `options` that are not None.

    Raises
    ------
    ValueError
        For another name, or an option that this executor does not take.
    """
    kind = EXECUTORS.get(name)
    if kind is None:
        near = nearest_names(name, tuple(EXECUTORS))
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"executor must be one of {', '.join(EXECUTORS)}, got {name!r}{hint}")
    given = {key: value for key, value in options.items() if value is not None}
    for key in given:
        if key not in kind.__dataclass_fields__:
            takers = [other for other, each in EXECUTORS.items() if key in each.__dataclass_fields__]
            option = key.replace("_", "-")
            raise ValueError(f"{option} is an option of the executor {' and '.join(takers)}, not of {name}")
    return kind(**given)
