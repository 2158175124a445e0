"""Write `docs/reference/configs.md` anew from the taxonomy: `make reference` runs it."""

from collections.abc import Iterator
from pathlib import Path

from audio_flan.taxonomy import Config, Task, taxonomy

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/configs.md"
HEAD = """\
# Configs

`audio_flan.list_configs()` has these {configs} names. Each of them is a config of `audio_flan.load_dataset`,
of `audio_flan.stream`, of plain `datasets` on built data, and of every command with a `--config` or `--task`.
Built data also has `sample`, up to three rows of every task; it is for `load_dataset` alone, of this package
or of plain `datasets`, and no config of `stream`, of filters or of commands.

Every config has the splits `train`, `validation` (the release calls it `dev`) and `test`; built data lists
those that have rows.

In this package, upper and lower case, `-` and `_` are the same in the name of a config, and an alias stands
for its config; a name that is neither is an error with the nearest ones. Plain `datasets` knows names only.

This page is written by `make reference`; a test compares it with the taxonomy.
"""
GROUPS = """\
A task is in the groups of the direction of its major task, as in the paper's Table 2; the column `direction`
of a row is the record's own. They differ for {exceptions}.
"""


def page() -> str:
    """Return the page."""
    table = taxonomy()
    aliases: dict[str, list[str]] = {}
    for alias, config in table.config_aliases.items():
        aliases.setdefault(config, []).append(alias)
    groups = [config for config in table.configs.values() if config.kind not in ("major", "minor")]
    refused = [f"* `{name}` is refused: the group is `{right}`." for name, right in table.reserved.items()]
    exceptions = [task.config for task in table.tasks.values() if task.direction != task.output_direction]
    parts = [
        HEAD.format(configs=len(table.configs)),
        "## Groups\n",
        "| config | holds | minor tasks |\n|---|---|---|",
        *(f"| `{group.name}` | {_holds(group)} | {len(group.tasks)} |" for group in groups),
        "",
        GROUPS.format(exceptions=_listed(exceptions)),
        *refused,
    ]
    for domain in dict.fromkeys(task.domain for task in table.tasks.values()):
        parts += ["", f"## {domain.capitalize()}", *_tasks_of(domain, aliases)]
    return "\n".join(parts) + "\n"


def _holds(group: Config) -> str:
    words = {
        "all": "every task",
        "direction": f"tasks of {group.name}",
        "domain": f"tasks of {group.name}",
        "direction_domain": " of ".join(group.name.split("_")),
    }
    return words[group.kind]


def _tasks_of(domain: str, aliases: dict[str, list[str]]) -> Iterator[str]:
    majors: dict[str, list[Task]] = {}
    for task in taxonomy().tasks.values():
        if task.domain == domain:
            majors.setdefault(task.major_config, []).append(task)
    for config, tasks in majors.items():
        yield f"\n### {tasks[0].major}: `{config}`, {tasks[0].direction}\n"
        if config in aliases and config != tasks[0].config:
            yield f"Also {_listed(aliases[config])}.\n"
        yield "| config | minor task | what it is | in → out | aliases |\n|---|---|---|---|---|"
        for task in tasks:
            modalities = " → ".join(" + ".join(each) for each in (task.input_modality, task.output_modality))
            listed = _listed(aliases.get(task.config, ()))
            yield f"| `{task.config}` | {task.minor} | {task.definition} | {modalities} | {listed} |"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(f"{PAGE}: {PAGE.write_text(page()):,} characters")
