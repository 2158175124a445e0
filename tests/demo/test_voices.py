"""The voices speak, each time the same, and errors name what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from audio_flan.demo import voices
from audio_flan.demo.takes import AGED, READERS
from audio_flan.demo.voices import Prosody, Speaker, Voice

pytest.importorskip("espeakng_loader")
ADA, EVAN = READERS[:2]


def median_pitch_hz(samples: np.ndarray, rate: int) -> float:
    found = []
    for start in range(0, samples.size - 1024, 512):
        frame = samples[start : start + 1024] * np.hanning(1024)
        correlation = np.correlate(frame, frame, "full")[1023:]
        lags = slice(rate // 400, rate // 70)
        lag = lags.start + int(np.argmax(correlation[lags]))
        if correlation[lag] > 0.5 * correlation[0] > 0:
            found.append(rate / lag)
    return float(np.median(found))


def test_two_speakers_say_the_same():
    takes = []
    for _ in range(2):
        with Speaker() as speaker:
            takes.append([speaker.say(voice, "Good morning.") for voice in (ADA, EVAN, ADA)])
    assert all(np.array_equal(one, other) for one, other in zip(*takes, strict=True))


def test_pace_and_pitch_are_obeyed():
    with Speaker() as speaker:
        slow = speaker.say(EVAN, "The boats come home.", Prosody(pace=120))
        fast = speaker.say(EVAN, "The boats come home.", Prosody(pace=240))
        low = speaker.say(EVAN, "The boats come home.", Prosody(pitch=20))
        high = speaker.say(EVAN, "The boats come home.", Prosody(pitch=80))
        rate = speaker.rate
    assert slow.size > 1.5 * fast.size
    assert median_pitch_hz(high, rate) > 1.2 * median_pitch_hz(low, rate)


def test_female_voices_lie_above_male_ones():
    pitches: dict[str, list[float]] = {"female": [], "male": []}
    with Speaker() as speaker:
        for voice in READERS:
            samples = speaker.say(voice, "We were away a year ago.")
            pitches[voice.gender].append(median_pitch_hz(samples, speaker.rate))
    assert min(pitches["female"]) > max(pitches["male"])


def test_silence_around_the_speech_is_cut():
    with Speaker() as speaker:
        samples = speaker.say(ADA, "Bread.")
        margin = round(0.035 * speaker.rate)
    assert np.abs(samples[:margin]).max() > 0.01
    assert np.abs(samples[-margin:]).max() > 0.01


def test_phonemes_of_several_clauses():
    with Speaker() as speaker:
        ipa = speaker.phonemes(ADA, "Yes. No, thanks.")
    assert ipa.replace("\u02c8", "") == "jɛs noʊ θæŋks"  # without its stress marks


def test_gender_and_age_are_those_of_the_variant_file():
    _, data = voices._installed()
    for voice in (*READERS, *AGED):
        with open(f"{data}/voices/!v/{voice.variant}", encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
        declared = next(words[1:] for words in lines if words[:1] == ["gender"])
        assert declared[0].lower() == voice.gender
        assert voice.age is None or declared[1] == str(voice.age)


def test_unknown_voice_is_named():
    with Speaker() as speaker, pytest.raises(LookupError, match=r"tlh-xx\+f2"):
        speaker.say(Voice("Nobody", "tlh-xx", "f2", "female", "none"), "Hello.")


def test_voices_in_a_deep_folder_are_found(tmp_path, monkeypatch):
    library, data = voices._installed()
    deep = tmp_path.joinpath(*["a-rather-long-name" for _ in range(10)], "data")
    deep.parent.mkdir(parents=True)
    deep.symlink_to(data, target_is_directory=True)
    with Speaker() as speaker:
        expected = speaker.say(ADA, "Hello.")
    monkeypatch.setattr(voices, "_installed", lambda: (library, str(deep)))
    with Speaker() as speaker:
        assert np.array_equal(speaker.say(ADA, "Hello."), expected)
