"""A callback that breaks a training off, as a machine that fails does."""

from skorch.callbacks import Callback


class Broken(Exception):
    """Stands for the crash of a machine."""


class BreakOff(Callback):
    """Breaks a training off after a number of batches.

    Parameters
    ----------
    after : int
        Number of batches after which the training breaks off. By default, it never does: clones,
        which the nested estimators hold, do not keep the number.
    act : callable or None
        What to do then. If None, ``Broken`` is raised.
    training : bool
        Whether to count the batches of training or of validation.
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
