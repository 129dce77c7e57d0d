"""The randomness of a training: epochs, noise, shares of several processes, and going on from a state."""

import pytest
import torch

from teachkit.deep.device import Place
from teachkit.deep.source import Source, scaled


def test_every_row_comes_once_an_epoch():
    source = Source(torch.arange(10), 3, seed=0)
    first, second = (torch.cat([source.batch() for _ in range(3)]) for _ in range(2))
    for epoch in (first, second):
        assert len(set(epoch.tolist())) == 9
    assert first.tolist() != second.tolist()


def test_rows_of_several_tensors_stay_together():
    x, y = Source((torch.arange(10), torch.arange(10) * 2), 4, seed=0, prepare=lambda x: x + 0.5).batch()
    assert (x * 2 - 1).tolist() == y.tolist()


def test_processes_share_out_what_one_would_draw():
    whole = Source(torch.arange(12), 6, seed=3)
    halves = [Source(torch.arange(12), 6, seed=3, here=Place(torch.device("cpu"), rank, 2)) for rank in range(2)]
    for draw in (Source.batch, Source.batch, Source.batch, lambda s: s.normal(2), lambda s: s.uniform(1)):
        torch.testing.assert_close(torch.cat([draw(half) for half in halves]), draw(whole))


def test_a_source_goes_on_from_its_state():
    source = Source(torch.arange(10), 3, seed=0)
    for _ in range(5):
        source.batch(), source.normal(2)
    state, fresh = source.state(), Source(torch.arange(10), 3, seed=8)
    fresh.load(state)
    for _ in range(5):
        assert source.batch().tolist() == fresh.batch().tolist()
        assert source.normal(2).tolist() == fresh.normal(2).tolist()


def test_bytes_become_numbers():
    assert scaled(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Source((torch.zeros(2), torch.zeros(3)), 1, seed=0), "data: expected tensors of one length"),
        (lambda: Source(torch.zeros(9), 3, seed=0, here=Place(torch.device("cpu"), 0, 2)), "a multiple of 2 processes"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
