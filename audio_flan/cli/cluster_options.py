"""Options of ``audio-flan build`` that say who does the work; what is not given is None."""

from pathlib import Path
from typing import Annotated

import typer

Executor = Annotated[
    str,
    typer.Option("--executor", help="local: processes here; slurm: jobs; ray: tasks of a cluster."),
]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="local: processes, 1 by default.")]
Tasks = Annotated[
    int | None, typer.Option("--tasks", min=1, help="slurm, ray: tasks of each step, 8 by default.")
]
CpusPerTask = Annotated[
    int | None, typer.Option("--cpus-per-task", min=1, help="slurm, ray: processors of a task, 1 by default.")
]
MemPerCpu = Annotated[
    int | None, typer.Option("--mem-per-cpu-gb", min=1, help="slurm, ray: memory in GB, 2 by default.")
]
Partition = Annotated[str | None, typer.Option("--partition", help="slurm: the partition.")]
Time = Annotated[str | None, typer.Option("--time", help="slurm: time limit of a task, such as 4:00:00.")]
Qos = Annotated[str | None, typer.Option("--qos", help="slurm: quality of service.")]
EnvCommand = Annotated[
    str | None,
    typer.Option(
        "--env-command", help="slurm: shell command that sets up Python; this environment by default."
    ),
]
Logs = Annotated[
    Path | None, typer.Option("--logs", help="slurm: where scripts and logs go; OUT.logs by default.")
]
Address = Annotated[
    str | None, typer.Option("--address", help="ray: auto (default), local, HOST:PORT or ray://HOST:PORT.")
]
