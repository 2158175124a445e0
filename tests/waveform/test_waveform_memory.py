"""Memory that is used again belongs to one array, and to its views, at a time."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_flan.waveform.memory import empty

SHAPE = (1, 40_000)


def test_it_is_used_again_only_when_the_last_view_is_gone():
    first = empty(SHAPE)
    view = first[:, 1000:].reshape(-1)
    place = first.__array_interface__["data"][0]
    del first
    second = empty(SHAPE)
    assert not np.shares_memory(view, second)
    del view
    living = [empty(SHAPE) for _ in range(64)]  # other tests may have left memory of this size, too
    assert place in [array.__array_interface__["data"][0] for array in living]


@pytest.mark.torch
def test_a_tensor_keeps_it():
    import torch

    first = empty(SHAPE)
    first[:] = 1
    tensor = torch.from_numpy(first)
    del first
    empty(SHAPE)[:] = 2
    assert tensor.eq(1).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 70_000)), max_size=30), st.data())
def test_arrays_that_live_at_the_same_time_share_nothing(shapes, data):
    living = []
    for number, shape in enumerate(shapes):
        array = empty(shape)
        assert array.shape == shape
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.flags.writeable
        array[:] = number
        living.append((number, array))
        if data.draw(st.booleans()):
            living.pop(data.draw(st.integers(0, len(living) - 1)))
    for number, array in living:
        assert (array == number).all()


def test_threads_never_get_the_same():
    def work(number):
        for _ in range(300):
            array = empty(SHAPE)
            array[0, ::500] = number
            time.sleep(0)
            assert (array[0, ::500] == number).all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_what_is_given_out_is_found_again_among_many():
    many = [empty(SHAPE) for _ in range(100)]
    places = {array.__array_interface__["data"][0] for array in many}
    assert len(places) == 100
    del many
    assert empty(SHAPE).__array_interface__["data"][0] in places


@pytest.mark.parametrize("dtype", ["int16", "float64"])
def test_other_types(dtype):
    array = empty((50_000,), dtype)
    array[:] = 7
    assert array.dtype == dtype
    assert array.sum() == 350_000
