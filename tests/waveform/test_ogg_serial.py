"""The number of an Ogg stream, which encoders choose by chance, can be set."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import examples
from trees import RATE, tone

from audio_flan.waveform import ClipError
from audio_flan.waveform.containers.ogg import with_serial


def ogg(subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(8000), RATE, format="OGG", subtype=subtype)
    return buffer.getvalue()


VORBIS = ogg("VORBIS")


@given(st.integers(0, 2**32 - 1))
@examples(10)
def test_pages_stay_valid_with_any_serial(serial):
    changed = with_serial(VORBIS, serial)
    samples, rate = soundfile.read(io.BytesIO(changed))
    assert rate == RATE
    assert np.array_equal(samples, soundfile.read(io.BytesIO(VORBIS))[0])
    assert changed[14:18] == serial.to_bytes(4, "little")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_it_is_all_that_differs_between_two_runs(subtype):
    first, second = ogg(subtype), ogg(subtype)
    assert first != second
    assert with_serial(first, 1) == with_serial(second, 1)


def test_the_checksum_is_the_one_libsndfile_writes():
    serial = int.from_bytes(VORBIS[14:18], "little")
    assert with_serial(VORBIS, serial) == VORBIS


def test_a_damaged_clip_is_refused():
    with pytest.raises(ClipError, match="checksum"):
        with_serial(VORBIS[:-1] + bytes([VORBIS[-1] ^ 1]), 1)
