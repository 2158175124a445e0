"""The records of one metadata file, good ones as instances, bad ones as quarantine entries."""

from collections.abc import Callable, Iterator

import msgspec

from audio_flan.records import Instance, Reason, RecordFault, parse_record
from audio_flan.records.parse import Parsed
from audio_flan.release.layout import SPLITS_OF_PART, MetadataFile
from audio_flan.release.lines import MAX_LINE_BYTES, FileFault, Line, read_lines
from audio_flan.release.quarantine import Entry
from audio_flan.release.tree import Tree
from audio_flan.taxonomy import taxonomy

Report = Callable[[Entry], None]


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An instance and the line it came from."""

    instance: Instance
    line: int
    byte_offset: int


def read_instances(
    tree: Tree, file: MetadataFile, on_fault: Report, on_warning: Report | None = None
) -> Iterator[Placed]:
    """Yield the instances of `file` in order; hand every record that is not taken to `on_fault`.

    A record whose domain, direction or split the folders of the file rule out is not taken: a reader that
    looks for it where it belongs would never find it.
    """
    check = _FolderCheck(file)
    try:
        with tree.open(file.path) as handle:
            for line in read_lines(handle, compressed=file.compressed):
                try:
                    parsed = _parse(line)
                except RecordFault as fault:
                    on_fault(_entry(file, line, fault))
                    continue
                taken = False
                for instance in parsed.instances:
                    try:
                        check(instance)
                    except RecordFault as fault:
                        on_fault(_entry(file, line, fault))
                    else:
                        taken = True
                        yield Placed(instance, line.number, line.byte_offset)
                if on_warning and taken:
                    for code, detail in parsed.warnings:
                        on_warning(
                            Entry(
                                file.path,
                                line.number,
                                line.byte_offset,
                                code,
                                detail,
                                None,
                                parsed.instances[0].uuid,
                            )
                        )
    except FileFault as fault:
        on_fault(Entry(file.path, None, None, fault.reason, fault.detail))
    except OSError as error:
        on_fault(Entry(file.path, None, None, Reason.UNREADABLE_FILE, str(error)))


def _parse(line: Line) -> Parsed:
    if line.data is None:
        raise RecordFault(Reason.LINE_TOO_LONG, f"the line is over {MAX_LINE_BYTES:,} bytes long")
    return parse_record(line.data)


def _entry(file: MetadataFile, line: Line, fault: RecordFault) -> Entry:
    return Entry(
        file.path, line.number, line.byte_offset, fault.reason, fault.detail, fault.audio_id, fault.uuid
    )


class _FolderCheck:
    """Compares an instance with the folders its file stands in; answers are kept, as they repeat."""

    def __init__(self, file: MetadataFile) -> None:
        self._file = file
        self._good: set[tuple[str, str]] = set()

    def __call__(self, instance: Instance) -> None:
        key = (instance.task, instance.split)
        if key in self._good:
            return
        file, task = self._file, taxonomy().tasks[instance.task]
        if task.domain != file.domain:
            wrong = f"the record's domain is {task.domain}, its folder's {file.domain}"
        elif file.direction not in task.folders:
            wrong = (
                f"{task.minor} belongs to {' or '.join(sorted(task.folders))}, its folder is {file.direction}"
            )
        elif instance.split not in SPLITS_OF_PART[file.part]:
            wrong = f"the record's split is {instance.split}, its folder is {file.part}"
        else:
            self._good.add(key)
            return
        raise RecordFault(Reason.WRONG_FOLDER, wrong, uuid=instance.uuid)
