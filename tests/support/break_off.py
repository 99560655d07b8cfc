"""A callback that interrupts a training, as a crash does."""

from skorch.callbacks import Callback


class Broken(Exception):
    """Represents a crash."""


class BreakOff(Callback):
    """Interrupts a training after a number of batches.

    Parameters
    ----------
    after : int
        Number of batches after which the training is interrupted. The default is never. Clones,
        as in nested estimators, have the default instead of the given number.
    act : callable or None
        Function to call then. If None, ``Broken`` is raised.
    training : bool
        Whether to count the batches of training instead of those of validation.
    """

    def __init__(self, after=10**9, act=None, training=True):
        self.after = after
        self.act = act
        self.training = training

    def get_params(self, deep=True):
        return {}

    # Not part of a checkpoint.
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass

    def on_train_begin(self, net, **kwargs):
        self.left_ = self.after

    def on_batch_end(self, net, training=None, **kwargs):
        if training == self.training:
            self.left_ -= 1
            if self.left_ == 0:
                if self.act is None:
                    raise Broken
                self.act()
