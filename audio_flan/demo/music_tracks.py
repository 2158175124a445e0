"""Music tasks on composed songs: what they are, how they run, how two relate, and their parts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from audio_flan.demo.degrade import Span, split_at
from audio_flan.demo.notes import pitch_name
from audio_flan.demo.parts import Clip, Instance, Value, shelve
from audio_flan.demo.songs import FAST_BPM, RATE, SONGS, Song, Track, compose

TRACKS, PAIRS = "12_SynthTracks", "14_TrackPairs"
_RECIPE = "presets of the composing script"


def build(rng: np.random.Generator) -> Iterator[Instance]:
    """Yield the instances of every task of this module."""
    tracks = [compose(song, rng) for song in SONGS]
    mixes = [
        shelve(TRACKS, f"{song.name}_mix", track.mix, RATE, exact=True)
        for song, track in zip(SONGS, tracks, strict=True)
    ]
    for index, (track, mix) in enumerate(zip(tracks, mixes, strict=True)):
        yield from _global(track.song, mix)
        yield from _sequential(track, mix)
        yield from _beat_level(track, mix, index)
        yield from _made(track, mix)
        yield _separated(track, mix, index)
    # Neighbours, and two pairs that share key and mood (one of them the tempo too).
    for one, other in (*pairwise(range(len(SONGS))), (0, 10), (1, 11)):
        yield from _compared((SONGS[one], mixes[one]), (SONGS[other], mixes[other]))


def description(song: Song) -> str:
    """One sentence that is true of a song."""
    speed = "fast" if song.tempo >= FAST_BPM else "slow"
    drums = ", with drums" if song.drums_from else ", without drums"
    return (
        f"A {speed} {song.mood} {song.genre} piece in {song.key} at {song.tempo} beats per minute, "
        f"with a {song.lead} melody over {song.instruments['chords']} and bass{drums}."
    )


def spans_text(spans: tuple[Span, ...]) -> str:
    """Print spans as start, end and label, one to a line, in seconds."""
    return "\n".join(f"{span.start_s:.2f}-{span.end_s:.2f} {span.label}" for span in spans)


def _global(song: Song, mix: Clip) -> Iterator[Instance]:
    names = ", ".join(sorted({one.artist for one in SONGS}))
    tags = ", ".join((song.genre, song.mood, f"{song.tempo} bpm", song.mode, song.lead))
    yield Instance(TRACKS, "Key Detection", [mix], song.key)
    yield Instance(TRACKS, "Music Tagging", [mix], tags, other=_RECIPE)
    yield Instance(TRACKS, "Genre Classification", [mix], song.genre, other=_RECIPE)
    yield Instance(
        TRACKS, "Emotion Classification", [mix], song.mood, other={"mood_is": "mode and tempo preset"}
    )
    yield Instance(TRACKS, "Instrument Classification", [mix], ", ".join(song.instruments.values()))
    inputs: list[Value] = [("audio", mix), ("candidates", names)]
    yield Instance(TRACKS, "Artist Identification", inputs, song.artist, other="artists are melody presets")
    yield Instance(TRACKS, "Music Caption", [mix], description(song), other=_RECIPE)


def _sequential(track: Track, mix: Clip) -> Iterator[Instance]:
    song = track.song
    beats = ", ".join(f"{time:.3f}" for time in track.beats)
    yield Instance(TRACKS, "Beat Tracking", [mix], beats, other={"bpm": song.tempo})
    yield Instance(TRACKS, "Chord Estimation", [mix], spans_text(song.chords))
    numerals = " - ".join(song.progression)
    yield Instance(TRACKS, "Progression Extraction", [mix], numerals, other={"key": song.key})
    melody = tuple(Span(note.start_s, note.end_s, pitch_name(note.midi)) for note in track.melody)
    yield Instance(TRACKS, "Melody Extraction", [mix], spans_text(melody), other={"instrument": song.lead})


def _beat_level(track: Track, mix: Clip, index: int) -> Iterator[Instance]:
    song = track.song
    half = song.beats // 2
    first, last = (1, half) if index % 2 == 0 else (half + 1, song.beats)
    slots = {"first": str(first), "last": str(last)}
    sounding = ", ".join(song.sounding(first, last))
    facts = {"beats": [first, last]}
    yield Instance(TRACKS, "Beat-level Instrument Recognition", [mix], sounding, slots, facts)
    beat = index % song.beats
    note = track.melody[beat]
    facts_of_note = {"start_s": round(note.start_s, 3), "end_s": round(note.end_s, 3)}
    slots = {"beat": str(beat + 1)}
    yield Instance(TRACKS, "Beat-level Pitch Estimation", [mix], pitch_name(note.midi), slots, facts_of_note)


def _made(track: Track, mix: Clip) -> Iterator[Instance]:
    song = track.song
    text = description(song)
    yield Instance(TRACKS, "Text-to-music Generation", [text], mix, other=_RECIPE)
    middle = song.chord_beats * (len(song.progression) // 2) * song.beat_s
    head, tail = split_at(track.mix, RATE, middle)
    prompt = shelve(TRACKS, f"{song.name}_head", head, RATE)
    rest = shelve(TRACKS, f"{song.name}_tail", tail, RATE)
    inputs: list[Value] = [("description", text), ("audio prompt", prompt)]
    yield Instance(
        TRACKS,
        "Text-guided Music Continuation",
        inputs,
        rest,
        other={"cut_s": round(middle, 3), "words_are": _RECIPE},
    )


def _separated(track: Track, mix: Clip, index: int) -> Instance:
    parts = [part for part in track.stems if part != "bass"]
    part = parts[index % len(parts)]
    stem = shelve(TRACKS, f"{track.song.name}_{part}", track.stems[part], RATE, exact=True)
    inputs: list[Value] = [("mix", mix), ("text", track.song.instruments[part])]
    return Instance(TRACKS, "Text-guided Source Separation", inputs, stem, other={"part": part})


def _compared(first: tuple[Song, Clip], second: tuple[Song, Clip]) -> Iterator[Instance]:
    (one, clip_one), (two, clip_two) = first, second
    clips = [clip_one, clip_two]
    tempi = {"bpm": [one.tempo, two.tempo]}
    yield Instance(PAIRS, "Tempo Comparison", clips, faster(one.tempo, two.tempo), other=tempi)
    yield Instance(PAIRS, "Key Comparison", clips, related(f"in {one.key}", f"in {two.key}"))
    yield Instance(PAIRS, "Emotion Comparison", clips, related(one.mood, two.mood), other=_RECIPE)


def faster(first: int, second: int) -> str:
    """Compare two tempi in words."""
    if first == second:
        return "Both have the same tempo."
    return f"The {'first' if first > second else 'second'} is faster."


def related(first: str, second: str) -> str:
    """Compare two properties in words."""
    if first == second:
        return f"Both are {first}."
    return f"The first is {first}, the second is {second}."
