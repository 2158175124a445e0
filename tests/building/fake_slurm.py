"""A Slurm of one machine for the tests: programs on the PATH that queue what is submitted; it runs when told.

The scripts that are submitted are run by bash as they are, each task of an array in a process of its own.
"""

import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_SBATCH = """
import os, sys
from pathlib import Path
state = Path(os.environ["FAKE_SLURM"])
if (state / "full").exists() and len(list(state.glob("*.sh"))) >= int((state / "full").read_text()):
    sys.exit("sbatch: error: Batch job submission failed: job limit")
number = 1 + len(list(state.glob("*.sh")))
(state / f"{number:03d}.args").write_text("\\n".join(sys.argv[1:-1]))
(state / f"{number:03d}.sh").write_text(Path(sys.argv[-1]).read_text())
print("Submitted batch job", number, "on cluster one")
"""
_SQUEUE = """
import os, re, sys
from pathlib import Path
names = next(a for a in sys.argv if a.startswith("--name=")).removeprefix("--name=").split(",")
for script in sorted(Path(os.environ["FAKE_SLURM"]).glob("*.sh")):
    name = re.search("--job-name=(.*)", script.read_text())[1]
    if name in names and not script.with_suffix(".state").exists():
        print(int(script.stem))
"""
_SCANCEL = """
import os, sys
from pathlib import Path
for number in sys.argv[1:]:
    Path(os.environ["FAKE_SLURM"], f"{int(number):03d}.state").write_text("cancelled")
"""
_SCONTROL = "import sys\nprint(sys.argv[-1])"
_SRUN = """
import os, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    words = words[2:] if words[0] == "-n" else words[1:]
os.execvp(words[0], words)
"""


@dataclass
class QueuedJob:
    """One job: what stands in its script and what was said when it was submitted."""

    number: int
    script: Path

    def directive(self, name: str) -> str | None:
        found = re.search(f"^#SBATCH --{name}(?:=(.*))?$", self.script.read_text(), re.MULTILINE)
        return found and (found[1] or "")

    def argument(self, name: str) -> str | None:
        lines = self.script.with_suffix(".args").read_text().splitlines()
        return next((line.partition("=")[2] for line in lines if line.startswith(f"--{name}=")), None)

    @property
    def tasks(self) -> int:
        return int(self.directive("array").removeprefix("0-")) + 1

    @property
    def state(self) -> str:
        path = self.script.with_suffix(".state")
        return path.read_text() if path.exists() else "queued"

    @state.setter
    def state(self, value: str) -> None:
        self.script.with_suffix(".state").write_text(value)


class FakeSlurm:
    """Its programs and its queue."""

    def __init__(self, folder: Path) -> None:
        self.programs, self.folder = folder / "bin", folder / "queue"
        self.programs.mkdir(parents=True)
        self.folder.mkdir()
        codes = {
            "sbatch": _SBATCH, "squeue": _SQUEUE, "scancel": _SCANCEL, "scontrol": _SCONTROL, "srun": _SRUN,
        }  # fmt: skip
        for name, code in codes.items():
            path = self.programs / name
            path.write_text(f"#!{sys.executable}\n{code}")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that submits."""
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PATH": path, "FAKE_SLURM": str(self.folder)}

    @property
    def jobs(self) -> list[QueuedJob]:
        """All jobs that were ever submitted."""
        return [QueuedJob(int(path.stem), path) for path in sorted(self.folder.glob("*.sh"))]

    def accept(self, jobs: int) -> None:
        """Refuse every job after the first `jobs`."""
        (self.folder / "full").write_text(str(jobs))

    def run(self) -> Iterator[QueuedJob]:
        """Run what is queued, job by job; yield each when it has ended."""
        states = {job.number: job.state for job in self.jobs}
        for job in self.jobs:
            if job.state != "queued":
                continue
            after = job.argument("dependency")
            kind, _, number = (after or ":").partition(":")
            if after and (kind != "afterok" or states[int(number)] != "completed"):
                job.state = "cancelled" if job.directive("kill-on-invalid-dep") == "yes" else "never"
            else:
                with ThreadPoolExecutor(2) as pool:
                    codes = list(pool.map(lambda task, job=job: self._run_task(job, task), range(job.tasks)))
                job.state = "failed" if any(codes) else "completed"
            states[job.number] = job.state
            yield job

    def _run_task(self, job: QueuedJob, task: int) -> int:
        exported = dict(pair.split("=") for pair in job.argument("export").split(",") if "=" in pair)
        own = {"SLURM_JOB_ID": str(job.number), "SLURM_ARRAY_TASK_ID": str(task), "SLURM_NODELIST": "node1"}
        log = job.directive("output").replace("%A", str(job.number)).replace("%a", str(task))
        with open(log, "wb") as output:
            command = shlex.split(f"bash {shlex.quote(str(job.script))}")
            done = subprocess.run(
                command, env=self.environment | exported | own, stdout=output, stderr=output, check=False
            )
        return done.returncode
