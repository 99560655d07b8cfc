"""A callback that counts the steps of a training."""

from skorch.callbacks import Callback


class CountSteps(Callback):
    """Callback that counts the steps of training, and notes the batches of validation."""

    n_steps = 0

    def __init__(self):
        self.seeds = []

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self.n_steps += training
        if not training:
            self.seeds.append(batch.seed)
