"""Speech tasks on who speaks: pairs of readings, conversations, mixtures of two voices, vocoder copies.

There is no recorded speech in this corpus. In the deepfake tasks "bona fide" therefore means the clip as the
synthesiser spoke it, and "spoof" a copy of it that went through a vocoder; `other` says so in every record.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from audio_flan.demo import degrade
from audio_flan.demo.degrade import Span
from audio_flan.demo.parts import Instance, Value, shelve
from audio_flan.demo.takes import READ, READERS, Bank, another, prepared, quiet
from audio_flan.demo.vocoders import VOCODERS

TALKERS, COPIES = "05_SpeakerMixes", "06_CopySynth"
RATE = 16000
MIX_RATE = 8000


def build(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    yield from _comparisons(bank)
    yield from _identification(bank)
    yield from _conversations(bank, rng)
    yield from _extraction(bank)
    yield from _copies(bank, rng)


def _comparisons(bank: Bank) -> Iterator[Instance]:
    for first, second in zip(bank.readings[::2], bank.readings[1::2], strict=True):
        yield Instance(READ, "Spoken Paragraph Recognition", [first.clip, second.clip], "yes")
    for first, second in zip(bank.readings[2:14:2], bank.readings[1:13:2], strict=True):
        yield Instance(READ, "Spoken Paragraph Recognition", [first.clip, second.clip], "no")
    pairs = list(combinations(bank.readings, 2))
    same = [pair for pair in pairs if pair[0].voice == pair[1].voice][::3]
    other = [pair for pair in pairs if pair[0].voice != pair[1].voice][:: len(pairs) // 8]
    for answer, chosen in (("same", same), ("different", other)):
        for first, second in chosen:
            speakers = {"speakers": [first.voice.name, second.voice.name]}
            yield Instance(READ, "Speaker Verification", [first.clip, second.clip], answer, other=speakers)


def _identification(bank: Bank) -> Iterator[Instance]:
    names = ", ".join(sorted(voice.name for voice in READERS))
    task = "Speaker Identification"
    for take in bank.readings[8:22:2]:
        yield Instance(READ, task, [("audio", take.clip), ("candidates", names)], take.voice.name)
    for take in bank.readings[9:22:2]:
        own = another(bank, take)
        rival = next(one for one in bank.readings if one.voice != take.voice)
        enrolled = sorted((own, rival), key=lambda one: one.voice.name)
        inputs: list[Value] = [*((one.voice.name, one.clip) for one in enrolled), ("who is this", take.clip)]
        yield Instance(READ, task, inputs, take.voice.name)


def _conversations(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    """Two or three readers in turn, with their true times."""
    for index in range(10):
        takes = [bank.readings[(2 * index + 5 * turn) % 24] for turn in range(2 + index % 2)]
        labels: dict[str, str] = {}
        for take in takes:
            labels.setdefault(take.voice.name, f"speaker{len(labels) + 1}")
        pieces = [(labels[take.voice.name], prepared(take, bank.rate, RATE, 1.1)) for take in takes]
        gaps = rng.uniform(0.2, 0.6, len(pieces) + 1)
        samples, spans = degrade.placed(pieces, gaps.round(2).tolist(), RATE)
        clip = shelve(TALKERS, f"talk_{index}", samples, RATE)
        yield Instance(TALKERS, "Speaker Diarization", [clip], timed(spans), other={"speakers": len(labels)})


def timed(spans: tuple[Span, ...]) -> str:
    """Print labelled spans, one to a line, in seconds."""
    return "\n".join(f"{span.label}: {span.start_s:.2f}-{span.end_s:.2f}" for span in spans)


def _extraction(bank: Bank) -> Iterator[Instance]:
    for index in range(10):
        target = bank.readings[2 * index]
        rival = next(take for take in bank.readings[2 * index + 3 :] if take.voice != target.voice)
        reference = another(bank, target)
        ratio = (0.0, 3.0, -3.0, 6.0)[index % 4]
        mixture, alone, _ = degrade.overlaid(
            quiet(target, bank.rate, MIX_RATE), quiet(rival, bank.rate, MIX_RATE), ratio
        )
        mixed, single = (
            shelve(TALKERS, f"pair_{index}_{name}", samples, MIX_RATE, exact=True)
            for name, samples in (("mixture", mixture), ("target", alone))
        )
        facts = {"sir_db": ratio, "target": target.voice.name, "interferer": rival.voice.name}
        inputs: list[Value] = [("mixture", mixed), ("reference", reference.clip)]
        yield Instance(TALKERS, "Speaker Extraction", inputs, single, other=facts)


def _copies(bank: Bank, rng: np.random.Generator) -> Iterator[Instance]:
    truth = {"bona_fide_is": "the synthetic source clip", "spoof_is": "a vocoded copy of it"}
    names = list(VOCODERS)
    for index, take in enumerate(bank.readings[1:13:2]):
        dry = quiet(take, bank.rate, RATE)
        source = shelve(COPIES, f"{index}_source", dry, RATE)
        yield Instance(COPIES, "Deepfake Detection", [source], "bona fide", other=truth)
        for turn in (0, 1):
            name = names[(index + turn) % len(names)]
            copy = shelve(COPIES, f"{index}_copy{turn}", VOCODERS[name](dry, RATE, rng), RATE)
            yield Instance(COPIES, "Vocoder Type Classification", [copy], name)
            if turn == 0:
                facts = {**truth, "vocoder": name}
                yield Instance(COPIES, "Deepfake Detection", [copy], "spoof", other=facts)
