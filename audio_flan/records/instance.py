"""The value that one record becomes."""

import msgspec


class Instance(msgspec.Struct, frozen=True, gc=False):
    """One instance of one task.

    A record that names several minor tasks or splits is one instance for each of them, as it belongs to
    each of these configs.

    Attributes
    ----------
    major, minor : str
        Canonical names of the taxonomy.
    task : str
        Config of the minor task.
    direction : str
        ``understanding`` or ``generation``: the record's own U/G.
    unseen : bool or None
        None where the record does not say.
    source : list of str or None
        Kind of origin (``audiobook``, ``studio``, ...), not the corpus.
    other, extra : str or None
        JSON texts: the record's ``other``; and whatever the fields above do not carry (see `to_record`).
    input_audio_ids, output_audio_ids : list of str
        In order of appearance; tokens in the instruction count as input.
    """

    uuid: str
    instruction: str
    input: str
    output: str
    split: str
    domain: str
    major: str
    minor: str
    task: str
    direction: str
    unseen: bool | None
    source: list[str] | None
    other: str | None
    extra: str | None
    input_audio_ids: list[str]
    output_audio_ids: list[str]
