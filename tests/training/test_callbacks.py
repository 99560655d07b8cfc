"""Callbacks of the engine."""

from types import SimpleNamespace

import pytest
import torch

from relcon_sklearn._training._callbacks import KeepBest


def keeper(module):
    callback = KeepBest()
    callback.on_train_begin(SimpleNamespace(module_=module))
    return callback


class History(list):
    def __getitem__(self, index):
        return True if isinstance(index, tuple) else super().__getitem__(index)


def test_best_weights_are_restored_from_a_checkpoint():
    module = torch.nn.Linear(2, 1)
    first = keeper(module)
    assert first.state_dict() == {"best": None}
    net = SimpleNamespace(module_=module, history=History([{}]))
    first.on_epoch_end(net)
    best = module.weight.detach().clone()
    resumed = keeper(module)
    resumed.load_state_dict(first.state_dict())
    torch.nn.init.zeros_(module.weight)
    resumed.on_train_end(net)
    torch.testing.assert_close(module.weight.detach(), best)


@pytest.mark.parametrize(
    "best", [{}, {"wEight": torch.ones(1, 2), "bias": torch.ones(1)}, {"weight": torch.ones(1, 3)}]
)
def test_best_weights_of_another_module_are_refused_before_training(best):
    """Not when training ends, which may be days later."""
    with pytest.raises(ValueError, match="not those of this module"):
        keeper(torch.nn.Linear(2, 1)).load_state_dict({"best": best})
