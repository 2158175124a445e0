"""datatrove's Slurm executor for one step; imported only where jobs are made, as it imports datatrove."""

from pathlib import Path
from typing import Any

from datatrove.executor import SlurmPipelineExecutor


class SlurmJob(SlurmPipelineExecutor):  # type: ignore[misc] # datatrove has no types
    """A job array; what it is not told is left to the defaults of the cluster."""

    def get_sbatch_args(self, max_array: int = 1) -> dict[str, Any]:
        """Return the directives of the script, without those that are None."""
        given: dict[str, Any] = super().get_sbatch_args(max_array)
        return {name: value for name, value in given.items() if value is not None}

    def launch_merge_stats(self) -> None:
        """Launch nothing: statistics of documents are what datatrove would merge."""

    def write_script(self, path: Path) -> None:
        """Write the script that `launch_job` would submit."""
        command = f"srun  -l -n 1 launch_pickled_pipeline {self.logging_dir.resolve_paths('executor.pik')}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.get_launch_file_contents(self.get_sbatch_args(self.tasks), command))
