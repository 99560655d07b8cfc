"""
Pretraining from disk, with checkpoints and callbacks
=====================================================

Does a training of days survive if its machine is taken away, and can its data be larger than
memory? This page has a small version: segments in a memory-mapped store, a training that is
interrupted and resumed, and callbacks that monitor every step.
"""

# %%
# Segments on disk
# ----------------
# :func:`~relcon_sklearn.datasets.make_motion_store` writes any number of generated segments to a
# store. :class:`~relcon_sklearn.SegmentWriter` does the same with your own segments. ``store.X`` is
# not in memory: ``fit`` and ``transform`` read the segments of one batch at a time. int16 takes
# half the space of float32.

import tempfile
from pathlib import Path

from relcon_sklearn.datasets import make_motion_store

temporary = tempfile.TemporaryDirectory()
work = Path(temporary.name)
store = make_motion_store(
    work / "store", 2000, 40, n_timesteps=128, sampling_rate=50, dtype="int16", random_state=0
)
megabytes = sum(file.stat().st_size for file in store.path.iterdir()) / 1e6
print(f"{len(store)} segments of {len(store.subjects)} people, {megabytes:.1f} MB")

# %%
# Callbacks
# ---------
# Estimators accept your own callbacks and most of skorch's. This one records the loss of each step.
# Attributes with plain values are part of a checkpoint, so the record survives an interruption. As
# in scikit-learn, a name that ends in ``_`` is not a parameter.

from skorch.callbacks import Callback


class StepLosses(Callback):
    """Record the loss of every training step."""

    def initialize(self):
        """Start an empty record: skorch calls this at the start of every fit."""
        self.losses_ = []
        return self

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        """Add the loss of a training step."""
        if training:
            self.losses_.append(float(loss))


# %%
# Another callback simulates a cluster scheduler that stops a training at a bad moment. Its count is
# in the checkpoint too: a resumed training is past this step, and is not stopped again.

import signal


class InterruptAfter(Callback):
    """Interrupt the training, as Ctrl-C does, after `n_steps` steps."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def initialize(self):
        """Set the count to zero."""
        self.n_done_ = 0
        return self

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        """Count a training step, and interrupt at step `n_steps`."""
        if training:
            self.n_done_ += 1
            if self.n_done_ == self.n_steps:
                signal.raise_signal(signal.SIGINT)


# %%
# To monitor a training in TensorBoard, pass skorch's callback, which writes the losses of each
# epoch:
#
# .. code-block:: python
#
#     from skorch.callbacks import TensorBoard
#     from torch.utils.tensorboard import SummaryWriter
#
#     RelConEmbedder(..., callbacks=[TensorBoard(SummaryWriter("runs/a"))])
#
# With checkpoints, a resumed training writes to the same folder, starting with the epoch in which
# it was interrupted. TensorBoard shows both parts as one curve.
#
# Interruption
# ------------
# With ``checkpoint_dir`` a training is saved when it is interrupted and every ten minutes.
# :class:`~relcon_sklearn.Checkpoints` sets another interval.

from relcon_sklearn import Checkpoints, RelConEmbedder


def make_embedder(callbacks, checkpoint_dir=None):
    """Return an unfitted embedder."""
    return RelConEmbedder(
        max_epochs=3,
        steps_per_epoch=None,  # an epoch is a pass over the segments
        batch_size=64,
        callbacks=callbacks,
        checkpoint_dir=checkpoint_dir,
        random_state=0,
    )


checkpoints = Checkpoints(work / "encoder", every_seconds=60)
before = StepLosses()
embedder = make_embedder([before, InterruptAfter(40)], checkpoints)
try:
    embedder.fit(store.X)
except KeyboardInterrupt:
    print(f"interrupted after {len(before.losses_)} steps")
print(*sorted(file.name for file in (work / "encoder").glob("[!.]*")))

# %%
# Resuming
# --------
# The same call resumes the training. The data, parameters and callbacks must be the same, otherwise
# ``fit`` raises an error. In practice another process makes this call, perhaps on another day. The
# folder has everything that this process needs.

log = StepLosses()
embedder = make_embedder([log, InterruptAfter(40)], checkpoints)
embedder.fit(store.X)
print(f"{len(log.losses_)} steps in all, {len(log.losses_) - len(before.losses_)} of them now")

# %%
# For comparison, we run a training without an interruption. Its losses and embeddings are the same,
# bit for bit.

import numpy as np

undisturbed = StepLosses()
other = make_embedder([undisturbed]).fit(store.X)
print("same losses:", log.losses_ == undisturbed.losses_)
print("same embeddings:", np.array_equal(embedder.transform(store.X), other.transform(store.X)))

# %%

import matplotlib.pyplot as plt

n = len(before.losses_)
steps = np.arange(1, len(log.losses_) + 1)
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.plot(steps, undisturbed.losses_, color="#BBBBBB", linewidth=5, label="not interrupted")
ax.plot(steps[:n], log.losses_[:n], color="#0072B2", label="until the interruption")
ax.plot(steps[n - 1 :], log.losses_[n - 1 :], color="#D55E00", label="resumed from the checkpoint")
ax.axvline(n, color="black", linestyle=":")
ax.set(xlabel="training step", ylabel="loss")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

temporary.cleanup()

# %%
# Nothing is lost by an interruption: the same call resumes the training, and its losses and
# embeddings are those of a training without an interruption, bit for bit. The store is read batch
# by batch, so that its size does not matter.
#
# The dips at every 32nd step are the last, smaller batches of the epochs: the loss is lower with
# fewer segments in a batch.
