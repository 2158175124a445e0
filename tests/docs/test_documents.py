"""What README, guides and reference show works: each block of code is run, in its order, in one folder."""

import contextlib
import io
import re
import shlex
import shutil
import subprocess

import pytest
from documents import DOCUMENTS, PROJECT, blocks, commands, runnable
from typer.main import get_command

import audio_flan
from audio_flan.cli.app import app

NOT_RUN = {
    "README.md": {
        ".venv/bin/activate": "is there after `make demo`",
        "make demo": "sets up an environment of its own; what it runs, `audio-flan demo`, is run",
        "make test": "is what runs this",
        "pip install": "wants a package index; tests/distribution and tests/installation install it",
    },
    "docs/contributing.md": {
        "make ": "sets up an environment of its own",
        ".venv": "is there after `make demo`",
    },
    "docs/guides/load.md": {
        "loading_script.py": "wants datasets 3.x; tests/loading/test_loading_script.py runs it",
    },
    "docs/guides/cluster.md": {
        "--executor slurm": "wants Slurm; tests/building/test_slurm.py runs it on a stand-in",
        "ray start": "wants several machines",
        "--executor ray": "wants a cluster; tests/building/test_ray.py runs it",
        "hf://datasets/HKUSTAudio": "wants the Hub; tests/building/test_remote_build.py builds from another",
        "s3://": "wants a bucket; tests/building/test_remote_output.py has one",
    },
}
"""Lines that are left out because they hold such words, and why. docs/contributing.md says so, too."""
WITH_CODE = [document for document in DOCUMENTS if runnable(document)]
NEED_TORCH = {"docs/guides/train.md"}


def left_out(document: str, line: str) -> bool:
    return any(words in line for words in NOT_RUN.get(document, ()))


def without_lengths(text: str) -> str:
    """Lengths of synthetic speech differ between versions of its maker."""
    return re.sub(r"\d+\.\d\d s|\(\d+,\)", "...", text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(document, marks=[pytest.mark.torch] if document in NEED_TORCH else [])
        for document in WITH_CODE
    ],
)
def test_blocks_of_code_work(document, folder):
    if document == "README.md":
        shutil.rmtree("demo-indexed")  # a newcomer has none
    namespace: dict[str, object] = {}
    for block in runnable(document):
        lines = block.code.splitlines(keepends=True)
        code = "".join(line for line in lines if not left_out(document, line))
        if block.language == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, document, "exec"), namespace)
            output = printed.getvalue()
        else:
            assert block.language == "sh", "blocks of code are python or sh"
            done = subprocess.run(["bash", "-ec", code], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
            output = done.stdout
        if block.output:
            assert without_lengths(output) == without_lengths(block.output)


@pytest.mark.parametrize("document", NOT_RUN)
def test_what_is_left_out_is_there(document):
    shown = [line for block in runnable(document) for line in block.code.splitlines()]
    for words in NOT_RUN[document]:
        assert any(words in line for line in shown), words


CALLS = [(document, call) for document in DOCUMENTS for call in commands(document)]


@pytest.mark.parametrize(
    ("document", "call"), CALLS, ids=lambda each: each if isinstance(each, str) else each[0]
)
def test_commands_and_options_exist(document, call):
    """Also those within the text, and those that are not run."""
    name, *words = call
    if name == "COMMAND" or name.startswith("-"):
        assert name in ("COMMAND", "--help", "--install-completion", "--version")
        return
    command = get_command(app).commands[name]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    assert {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)} <= known


EXAMPLES = {
    name: shlex.split(re.search(r"Example: (.*)", command.help)[1])
    for name, command in get_command(app).commands.items()
}
RUN = [
    shlex.split(line, comments=True)
    for document in WITH_CODE
    for block in runnable(document)
    for line in block.code.splitlines()
    if block.language == "sh" and line.startswith("audio-flan") and not left_out(document, line)
]
REFUSED = {"publish"}
"""Ends with 1: licences of the demo corpus are not in the table. A guide has it with --allow-restricted."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example not in RUN])
def test_the_example_in_the_help_works(name, folder):
    if name == "audit-ledger":
        plan = audio_flan.rebalance("demo-indexed", direction={"understanding": 0.5, "generation": 0.5})
        plan.save("plan.toml")
        list(audio_flan.stream("demo-indexed", plan=plan, columns=["uuid"], ledger="runs/ledger"))
    done = subprocess.run(EXAMPLES[name], capture_output=True, text=True, check=False)
    assert done.returncode == (1 if name in REFUSED else 0), done.stderr


def test_every_command_is_in_the_documents():
    assert {call[0] for _, call in CALLS} >= set(get_command(app).commands)


@pytest.mark.parametrize("name", audio_flan.__all__)
def test_every_public_name_is_in_the_documents(name):
    assert any(re.search(rf"audio_flan\.{name}\b", text) for text in DOCUMENTS.values())


def test_the_first_commands_of_the_readme_are_targets_of_make():
    targets = re.findall(r"^(\w[\w-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    shown = [block.code for document in DOCUMENTS for block in blocks(document)]
    inline = re.findall(r"`make ([\w-]+)", "".join(DOCUMENTS.values()))
    assert {*inline, *re.findall(r"^make ([\w-]+)", "".join(shown), re.MULTILINE)} <= set(targets)


def test_the_extras_of_the_readme_are_those_of_the_package():
    from audio_flan.extras import EXTRAS

    shown = re.findall(r"pip install '\.\[(\w+)\]'", DOCUMENTS["README.md"])
    assert sorted(shown) == sorted(EXTRAS)
