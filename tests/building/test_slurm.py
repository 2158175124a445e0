"""Builds handed to Slurm: the scripts are looked at, and run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from built import tree
from fake_slurm import FakeSlurm

from audio_flan.building.steps import STEPS

pytest.importorskip("datatrove")
OPTIONS = ("--executor", "slurm", "--shard-size", "1MB")
NAMES = [step.name for step in STEPS]
ONE_TASK = {step.name for step in STEPS if step.one_unit}


@pytest.fixture
def slurm(tmp_path):
    return FakeSlurm(tmp_path / "slurm")


@pytest.fixture
def submit(slurm):
    def run(*arguments, environment=slurm.environment):
        command = [sys.executable, "-m", "audio_flan.cli", "build", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, env=environment, check=False
        )

    return run


def steps_of(jobs):
    return [job.directive("job-name").rpartition("-")[2] for job in jobs]


@pytest.mark.slow
def test_the_scripts_build_what_one_process_builds(demo_root, indexed, slurm, submit, out):
    done = submit(
        demo_root, out, *OPTIONS, "--tasks", 2, "--partition", "cpu", "--time", "1:00:00",
        "--qos", "low", "--cpus-per-task", 3, "--mem-per-cpu-gb", 5, "--json",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    submitted, jobs = json.loads(done.stdout)["jobs"], slurm.jobs
    assert steps_of(jobs) == [job["step"] for job in submitted] == NAMES
    assert [job["id"] for job in submitted] == [str(job.number) for job in jobs]
    for job, before in zip(jobs, [None, *jobs[:-1]], strict=True):
        step = steps_of([job])[0]
        assert job.directive("array") == ("0-0" if step in ONE_TASK else "0-1")
        assert job.argument("dependency") == (before and f"afterok:{before.number}")
        expected = {"partition": "cpu", "time": "1:00:00", "qos": "low", "cpus-per-task": "3",
                    "mem-per-cpu": "5G", "nodes": "1", "kill-on-invalid-dep": "yes"}  # fmt: skip
        assert {name: job.directive(name) for name in expected} == expected
        assert f"/{step}/executor.pik" in job.script.read_text()
    for job in slurm.run():
        assert job.state == "completed", job.directive("job-name")
        if steps_of([job]) == ["read"]:
            assert_refused_meanwhile(submit(demo_root, out, *OPTIONS), job)
            assert_refused_meanwhile(submit(demo_root, out, "--shard-size", "1MB"), job)
    assert tree(out) == tree(indexed.root)
    again = submit(demo_root, out, *OPTIONS)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith(f"{out}: {indexed.summary.rows:,} rows")
    assert len(slurm.jobs) == len(NAMES)
    assert tree(out) == tree(indexed.root)
    next(out.glob("audio/*/*.tar")).unlink()
    assert submit(demo_root, out, *OPTIONS).returncode == 0
    assert len(slurm.jobs) == 2 * len(NAMES)


def assert_refused_meanwhile(done, job):
    assert done.returncode == 2
    assert f"jobs of Slurm are building {job_out(job)}: {job.number + 1} " in done.stderr
    assert "scancel --name=" in done.stderr


def job_out(job):
    return job.directive("output").partition(".logs/")[0]


@pytest.mark.slow
def test_a_task_that_fails(small_tree, slurm, submit, out):
    assert submit(small_tree.root, out, *OPTIONS, "--tasks", 2).returncode == 0
    file = next(small_tree.root.glob("metadata/speech/**/asr.jsonl"))
    hidden = file.rename(file.with_suffix(".hidden"))
    states = {steps_of([job])[0]: job.state for job in slurm.run()}
    assert [states[step] for step in NAMES[:4]] == ["completed", "failed", "cancelled", "cancelled"]
    hidden.rename(file)
    again = submit(small_tree.root, out, *OPTIONS, "--tasks", 2)
    assert again.returncode == 0, again.stderr
    first = again.stdout.splitlines()[0]
    assert first.startswith("the submission before stopped: metadata/speech/understanding/")
    assert "cannot be read" in first
    assert f"{out}.logs/0001/read/logs/task_00000.log" in first
    assert {job.state for job in slurm.run()} == {"completed"}
    summary = submit(small_tree.root, out, *OPTIONS, "--json")
    assert json.loads(summary.stdout)["rows"] == len(small_tree.rows)


def test_a_dry_run_writes_the_scripts_that_would_be_submitted(small_tree, slurm, submit, out):
    dry = submit(small_tree.root, out, *OPTIONS, "--dry-run", "--json")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert not out.exists()
    assert slurm.jobs == []
    scripts = [job["script"] for job in json.loads(dry.stdout)["jobs"]]
    planned = [Path(path).read_text() for path in scripts]
    assert submit(small_tree.root, out, *OPTIONS).returncode == 0
    assert [job.script.read_text().replace("/0002/", "/0001/") for job in slurm.jobs] == planned


def test_a_dry_run_names_the_next_command(small_tree, submit, out):
    said = submit(small_tree.root, out, *OPTIONS, "--dry-run").stdout.splitlines()[-1]
    assert said == f"Next: audio-flan build {small_tree.root} {out} {' '.join(OPTIONS)}"


def test_slurm_refuses_a_job(small_tree, slurm, submit, out):
    slurm.accept(3)
    done = submit(small_tree.root, out, *OPTIONS)
    assert done.returncode == 2
    assert "Slurm did not take the job" in done.stderr
    assert "job limit" in done.stderr
    assert [job.state for job in slurm.jobs] == ["cancelled"] * 3
    slurm.accept(100)
    assert submit(small_tree.root, out, *OPTIONS).returncode == 0
    assert [job.state for job in slurm.jobs[3:]] == ["queued"] * len(NAMES)


def test_slurm_refuses_the_first_job(small_tree, slurm, submit, out):
    """Then no job is at work, and a build elsewhere need not ask."""
    slurm.accept(0)
    assert submit(small_tree.root, out, *OPTIONS).returncode == 2
    nowhere = slurm.environment | {"PATH": "/nowhere"}
    done = submit(small_tree.root, out, "--shard-size", "1MB", environment=nowhere)
    assert (done.returncode, done.stderr) == (0, "")


def test_where_there_is_no_slurm(small_tree, slurm, submit, out):
    nowhere = slurm.environment | {"PATH": "/nowhere"}
    done = submit(small_tree.root, out, *OPTIONS, environment=nowhere)
    assert (done.returncode, "there is no sbatch here" in done.stderr) == (2, True)
    assert not out.exists()
    assert submit(small_tree.root, out, *OPTIONS).returncode == 0
    for options in ((), OPTIONS):
        done = submit(small_tree.root, out, "--shard-size", "1MB", *options, environment=nowhere)
        assert done.returncode == 2
        assert "there is no s" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--executor", "slrum"), "did you mean 'slurm'"),
        (("--executor", "slurm", "--jobs", "2"), "jobs is an option of the executor local, not of slurm"),
        (("--partition", "cpu"), "partition is an option of the executor slurm, not of local"),
        (("--tasks", "4"), "tasks is an option of the executor slurm and ray, not of local"),
        (("--executor", "slurm", "--tasks", "1001"), "tasks must be from 1 to 1000"),
        (("--executor", "slurm", "--token", "hf_x"), None),
    ],
)
def test_options_that_cannot_be(small_tree, submit, out, options, message):
    done = submit(small_tree.root, out, *options)
    if message is None:  # a local release has no use for a token
        assert done.returncode == 0
    else:
        assert (done.returncode, message in done.stderr) == (2, True)
        assert not out.exists()
