"""Domains, major and minor tasks, configs and their aliases (paper, Tables 1 to 3 and appendix A.1)."""

from audio_flan.taxonomy.errors import UnknownNameError
from audio_flan.taxonomy.frame import tasks
from audio_flan.taxonomy.lookup import (
    Spelling,
    TaskMatch,
    canonical_name,
    list_configs,
    resolve_config,
    resolve_domain,
    resolve_task,
)
from audio_flan.taxonomy.tables import Config, Task, normalise, taxonomy

__all__ = [
    "Config",
    "Spelling",
    "Task",
    "TaskMatch",
    "UnknownNameError",
    "canonical_name",
    "list_configs",
    "normalise",
    "resolve_config",
    "resolve_domain",
    "resolve_task",
    "tasks",
    "taxonomy",
]
