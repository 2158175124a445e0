"""Between planning and making: whether a finished build has to change, and if so it is finished no more."""

from functools import cached_property
from pathlib import Path

from xxhash import xxh3_128

from audio_flan.building.kept import REOPEN, Kept, State, inputs_hash
from audio_flan.building.measure_clips import MeasureClips, planned_corpora, planned_hash
from audio_flan.building.step import Step, Unit
from audio_flan.building.workspace import write_facts
from audio_flan.shards import MANIFEST_NAME, read_manifest, verify
from audio_flan.shards.manifest import REBASE_NAME


class Reopen(Step):
    """It has one unit.

    Where nothing has changed and no file is missing or of another size, the manifest stays, and with it all
    steps that follow are done. Otherwise it is taken away before any file changes: a root without a manifest
    is not to be read.
    """

    name = REOPEN
    title = "comparing with the last build"
    one_unit = True

    @cached_property
    def units(self) -> list[Unit]:
        """The one unit."""
        return [Unit("all", 1)]

    def do(self, unit: str) -> None:
        """Compare, and take the manifest away."""
        work, kept, state = self.build.work, Kept(self.build.out), self._state()
        rebasing = self.build.out / REBASE_NAME  # left by a rebase that was stopped
        finished = (self.build.out / MANIFEST_NAME).exists()
        if finished and (kept.state != state or not is_whole(self.build.out)):
            if rebasing.exists() or read_manifest(self.build.out).base:  # it stands in the cells of all rows
                kept.forget_rows()
            kept.set_manifest_aside()
        rebasing.unlink(missing_ok=True)
        with work.make(self.name, unit) as folder:
            write_facts(folder, state)

    def _state(self) -> State:
        build, clips = self.build, xxh3_128()
        for number, corpus in enumerate(planned_corpora(build.work)):
            clips.update(f"{corpus.corpus}\n".encode())
            for shard in corpus.shards:
                clips.update(planned_hash(build.work, number, shard))
            for fault in build.work.faults(MeasureClips.name, f"{number:05d}"):
                clips.update(repr(fault).encode())
        clips.update(repr([entity.path for entity in build.release.layout.misplaced]).encode())
        return State(build.work.plan_hash(), inputs_hash(build.recipe, clips.digest()))


def is_whole(out: Path) -> bool:
    """Say whether a finished root has all its files, of the sizes that the manifest says."""
    return next(verify(out), None) is None
