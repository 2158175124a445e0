"""Labels hold when they are measured back from the files."""

from __future__ import annotations

import re

import numpy as np
import pytest

from audio_flan.demo.degrade import snr_db

CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TOKEN = re.compile(r"<\|SOA\|>(.+?)<\|EOA\|>")


def clip_ids(text):
    return TOKEN.findall(text)


def strongest_hz(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size), 8 * samples.size))
    return np.argmax(spectrum) * rate / (8 * samples.size)


def test_every_clip_is_sane(demo):
    for audio_id in demo.paths:
        samples, rate = demo.read(audio_id)
        assert 0.25 <= len(samples) / rate <= 6.0, audio_id
        assert np.abs(samples).max() <= 1.0, audio_id
        assert np.sqrt(np.mean(samples**2)) > 1e-4, audio_id


def test_snr_is_as_labelled(demo):
    levels = {tuple(clip_ids(r["input"])): r["other"]["snr_db"] for r in demo.of("Denoising")}
    for record in demo.of("Denoising"):
        noisy, _ = demo.read(clip_ids(record["input"])[0])
        clean, _ = demo.read(clip_ids(record["output"])[0])
        assert snr_db(clean, noisy - clean) == pytest.approx(record["other"]["snr_db"], abs=0.1)
    for record in demo.of("Signal-to-noise Ratio Estimation"):
        stated = float(re.search(r"-?[\d.]+", record["output"])[0].rstrip("."))
        assert stated == levels[tuple(clip_ids(record["input"]))]


def test_pitch_is_as_labelled(demo):
    for record in demo.of("Pitch Classification"):
        samples, rate = demo.read(clip_ids(record["input"])[0])
        ratio = strongest_hz(samples, rate) / record["other"]["hz"]
        harmonic = max(round(ratio), 1)
        assert 1200 * np.log2(ratio / harmonic) == pytest.approx(0, abs=25), record


def test_pitch_names_match_their_numbers(demo):
    for record in demo.of("Pitch Classification"):
        hz = 440 * 2 ** ((record["other"]["midi"] - 69) / 12)
        assert record["other"]["hz"] == pytest.approx(hz, abs=0.01)


def test_beats_are_evenly_spaced_at_the_tempo(demo):
    for record in demo.of("Beat Tracking"):
        times = [float(text) for text in re.findall(r"\d+\.\d+", record["output"])]
        samples, rate = demo.read(clip_ids(record["input"])[0])
        assert np.diff(times) == pytest.approx(60 / record["other"]["bpm"], abs=0.002)
        assert len(times) * 60 / record["other"]["bpm"] == pytest.approx(len(samples) / rate, abs=0.01)


def test_melody_notes_sound_when_they_should(demo):
    checked = 0
    for record in demo.of("Beat-level Pitch Estimation"):
        facts = record["other"]
        samples, rate = demo.read(clip_ids(record["input"])[0])
        note = samples[round(facts["start_s"] * rate) : round(facts["end_s"] * rate)]
        name, octave = re.search(r"([A-G]#?)(\d)", record["output"].split()[-1]).groups()
        pitch = CLASSES.index(name)
        hz = 440 * 2 ** ((pitch + 12 * (int(octave) + 1) - 69) / 12)
        spectrum = np.abs(np.fft.rfft(note * np.hanning(note.size)))
        frequency = np.fft.rfftfreq(note.size, 1 / rate)
        near = spectrum[np.abs(frequency - hz) < 12].max()
        assert near > 4 * np.median(spectrum[(frequency > 0.7 * hz) & (frequency < 1.4 * hz)]), record
        checked += 1
    assert checked == 12


def test_separated_stems_lie_in_their_mix(demo):
    for task in (
        "Text-guided Source Separation",
        "Text-guided Audio Source Separation",
        "Speaker Extraction",
    ):
        for record in demo.of(task):
            mixture, rate = demo.read(clip_ids(record["input"])[0])
            target, target_rate = demo.read(clip_ids(record["output"])[0])
            rest = mixture - target
            assert rate == target_rate
            correlation = np.corrcoef(rest, target)[0, 1]
            assert abs(correlation) < 0.4, record  # parts of one song share tones


def test_mixing_ratio_is_as_labelled(demo):
    for record in demo.of("Speaker Extraction"):
        mixture, _ = demo.read(clip_ids(record["input"])[0])
        target, _ = demo.read(clip_ids(record["output"])[0])
        frames = np.flatnonzero(np.abs(target) > 0)[-1]
        rest = mixture - target
        other_frames = np.flatnonzero(np.abs(rest) > 1e-3)[-1]
        ratio = snr_db(target[:frames], rest[:other_frames])
        assert ratio == pytest.approx(record["other"]["sir_db"], abs=0.5)


def test_clipping_threshold_is_as_labelled(demo):
    for record in demo.of("Declipping"):
        clipped, _ = demo.read(clip_ids(record["input"])[0])
        clean, _ = demo.read(clip_ids(record["output"])[0])
        share = np.abs(clipped).max() / np.abs(clean).max()
        assert share == pytest.approx(record["other"]["threshold"], abs=0.01)


def test_gaps_are_silent_and_nothing_else_is_changed(demo):
    for record in demo.of("Audio Inpainting"):
        holed, rate = demo.read(clip_ids(record["input"])[0])
        full, _ = demo.read(clip_ids(record["output"])[0])
        start, end = (round(time * rate) for time in record["other"]["gap_s"])
        assert not holed[start:end].any()
        assert np.allclose(np.delete(holed, slice(start, end)), np.delete(full, slice(start, end)), atol=1e-4)


def test_continuations_are_seamless(demo):
    for record in demo.of("Audio Continuation"):
        head, _ = demo.read(clip_ids(record["input"])[0])
        tail, _ = demo.read(clip_ids(record["output"])[0])
        assert abs(tail[0] - head[-1]) < 3 * np.abs(np.diff(np.r_[head[-800:], tail[:800]])).max() + 1e-3


def test_narrowband_speech_is_narrow(demo):
    for record in demo.of("Speech Bandwidth Extension"):
        narrow, rate = demo.read(clip_ids(record["input"])[0])
        power = np.abs(np.fft.rfft(narrow)) ** 2
        frequency = np.fft.rfftfreq(narrow.size, 1 / rate)
        assert power[frequency > record["other"]["cutoff_hz"]].sum() < 1e-3 * power.sum()


def test_voice_activity_is_where_the_energy_is(demo):
    for record in demo.of("Speaker Diarization"):
        samples, rate = demo.read(clip_ids(record["input"])[0])
        inside = np.zeros(samples.size, bool)
        for start, end in re.findall(r"(\d+\.\d+)-(\d+\.\d+)", record["output"]):
            inside[round(float(start) * rate) : round(float(end) * rate)] = True
        outside = ~np.convolve(inside, np.ones(round(0.1 * rate)), "same").astype(bool)
        assert np.mean(samples[inside] ** 2) > 100 * np.mean(samples[outside] ** 2)


def test_events_are_where_the_timeline_says(demo):
    for record in demo.of("Sound Event Detection"):
        samples, rate = demo.read(clip_ids(record["input"])[0])
        inside = np.zeros(len(samples), bool)
        for start, end in re.findall(r"(\d+\.\d+)-(\d+\.\d+)", record["output"]):
            inside[round(float(start) * rate) : round(float(end) * rate)] = True
        outside = ~np.convolve(inside, np.ones(round(0.06 * rate)), "same").astype(bool)
        assert np.mean(samples[inside] ** 2) > 50 * np.mean(samples[outside] ** 2)


def test_silence_is_nearly_silent(demo):
    found = [
        r for r in demo.of("Speech, Silence, Music and Noise Classification") if "silence" in r["output"]
    ]
    assert found
    for record in found:
        samples, _ = demo.read(clip_ids(record["input"])[0])
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(5e-4, rel=0.1)


def test_texts_of_speech_agree_between_tasks(demo):
    texts = {clip_ids(r["output"])[0]: r["input"].removeprefix("text: ") for r in demo.of("Text to Speech")}
    for record in demo.of("Zero-shot Text to Speech"):
        clip = clip_ids(record["output"])[0]
        assert clip not in texts or texts[clip] in record["input"]


def test_paragraph_pairs_agree_with_the_texts(demo):
    answers = [("yes" in record["output"], record) for record in demo.of("Spoken Paragraph Recognition")]
    assert {answer for answer, _ in answers} == {True, False}


def test_both_answers_occur(demo):
    for task, labels in {
        "Gender Recognition": ("female", " male"),
        "Speaker Verification": ("same", "different"),
        "Deepfake Detection": ("bona fide", "spoof"),
        "Deepfake Audio Detection": ("original", "fake"),
        "Key Comparison": ("Both", "The first"),
    }.items():
        outputs = " ".join(f" {record['output']}" for record in demo.of(task))
        assert all(label in outputs for label in labels), task


def test_singers_hit_the_notes_of_the_score(demo):
    for record in demo.of("Singing Voice Synthesis"):
        samples, rate = demo.read(clip_ids(record["output"])[0])
        name, octave = re.search(r"([A-G]#?)(\d) 0\.7", record["input"]).groups()
        held = samples[-round(0.6 * rate) : -round(0.1 * rate)]
        spectrum = np.abs(np.fft.rfft(held * np.hanning(held.size), 2**17))
        hz = 440 * 2 ** ((CLASSES.index(name) + 12 * (int(octave) + 1) - 69) / 12)
        share = [spectrum[round(k * hz * 2**17 / rate)] for k in (0.5, 1, 1.5, 2, 2.5, 3)]
        assert max(share[1::2]) > 5 * max(share[::2]), record


def test_harmony_fits_between_tasks(demo):
    """Every chord named in a song is built on a note of the song's key."""
    pattern = r"([A-G]#?) (major|minor)"
    keys = {
        clip_ids(r["input"])[0]: re.search(pattern, r["output"]).groups() for r in demo.of("Key Detection")
    }
    for record in demo.of("Chord Estimation"):
        tonic, mode = keys[clip_ids(record["input"])[0]]
        steps = (0, 2, 4, 5, 7, 9, 11) if mode == "major" else (0, 2, 3, 5, 7, 8, 10)
        scale = {CLASSES[(CLASSES.index(tonic) + step) % 12] for step in steps}
        assert set(re.findall(r"([A-G]#?):", record["output"])) <= scale
