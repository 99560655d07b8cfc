"""
Pretraining from disk, with checkpoints and callbacks
=====================================================

Real pretraining runs for days, on data larger than memory, on machines that are taken away. Here it
is in small: segments in a memory-mapped store, a training that is interrupted and goes on, and
callbacks that watch every step.
"""

# %%
# Segments on disk
# ----------------
# :func:`~relcon_sklearn.datasets.make_motion_store` writes generated segments of any number into a
# store; :class:`~relcon_sklearn.SegmentWriter` does so with your own. ``store.X`` is not in memory:
# ``fit`` and ``transform`` read what they need for a batch. With int16 it takes half the space.

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
# Estimators take any skorch callbacks. This one notes the loss of every step. What it keeps in
# attributes of plain values is part of a checkpoint, so that its notes survive as well. (A name
# that ends in ``_`` says that it is no parameter, as in scikit-learn.)

from skorch.callbacks import Callback


class StepLosses(Callback):
    """Note the loss of every training step."""

    def initialize(self):
        """Begin anew: skorch calls this at the start of every fit."""
        self.losses_ = []
        return self

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        """Add the loss of a training step."""
        if training:
            self.losses_.append(float(loss))


# %%
# Another one plays the cluster's scheduler, who stops a training at the worst moment. Its count is
# in the checkpoint too: a training that goes on is past the step, and is not stopped again.

import signal


class InterruptAfter(Callback):
    """Interrupt the training, as Ctrl-C does, after so many steps."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def initialize(self):
        """Begin to count."""
        self.n_done_ = 0
        return self

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        """Count a training step, and interrupt if it is the one."""
        if training:
            self.n_done_ += 1
            if self.n_done_ == self.n_steps:
                signal.raise_signal(signal.SIGINT)


# %%
# To watch a training in TensorBoard, pass skorch's callback for it, which writes the losses of each
# epoch:
#
# .. code-block:: python
#
#     from skorch.callbacks import TensorBoard
#     from torch.utils.tensorboard import SummaryWriter
#
#     RelConEmbedder(..., callbacks=[TensorBoard(SummaryWriter("runs/a"))])
#
# With checkpoints, a training that goes on writes to the same folder from the epoch on that it had
# come to; TensorBoard draws both as one curve.
#
# Interrupted
# -----------
# With ``checkpoint_dir`` a training is saved every ten minutes, or as often as
# :class:`~relcon_sklearn.Checkpoints` says, and when it is interrupted.

from sklearn.frozen import FrozenEstimator

from relcon_sklearn import Checkpoints, LearnedMotifDistance, RelConEmbedder

distance = LearnedMotifDistance(
    embed_dim=8, max_epochs=1, checkpoint_dir=work / "distance", random_state=0
).fit(store.X, groups=store.hour_groups)


def make_embedder(callbacks, checkpoint_dir=None):
    """Return the embedder to be trained."""
    return RelConEmbedder(
        FrozenEstimator(distance),
        encoder="resnet14-half",
        candidates="shared",
        n_within=7,
        batch_size=8,
        query_stride=4,
        max_epochs=4,
        callbacks=callbacks,
        checkpoint_dir=checkpoint_dir,
        random_state=0,
    )


checkpoints = Checkpoints(work / "encoder", every_seconds=60)
before = StepLosses()
embedder = make_embedder([before, InterruptAfter(40)], checkpoints)
try:
    embedder.fit(store.X, groups=store.hour_groups)
except KeyboardInterrupt:
    print(f"interrupted after {len(before.losses_)} steps")
print(*sorted(file.name for file in (work / "encoder").glob("[!.]*")))

# %%
# And resumed
# -----------
# The same call goes on: same data, same parameters, same callbacks; with others it is refused. In
# reality it would be made by another process, perhaps another day; all that it needs is in the
# folder.

log = StepLosses()
embedder = make_embedder([log, InterruptAfter(40)], checkpoints)
embedder.fit(store.X, groups=store.hour_groups)
print(f"{len(log.losses_)} steps in all, {len(log.losses_) - len(before.losses_)} of them now")

# %%
# For comparison, a training that was left alone. Neither of them can tell: losses and embeddings
# are the same, to the bit.

import numpy as np

undisturbed = StepLosses()
other = make_embedder([undisturbed]).fit(store.X, groups=store.hour_groups)
print("same losses:", log.losses_ == undisturbed.losses_)
print("same embeddings:", np.array_equal(embedder.transform(store.X), other.transform(store.X)))

# %%

import matplotlib.pyplot as plt

n = len(before.losses_)
steps = np.arange(1, len(log.losses_) + 1)
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.plot(steps, undisturbed.losses_, color="#BBBBBB", linewidth=5, label="left alone")
ax.plot(steps[:n], log.losses_[:n], color="#0072B2", label="until it was interrupted")
ax.plot(steps[n - 1 :], log.losses_[n - 1 :], color="#D55E00", label="from the checkpoint on")
ax.axvline(n, color="black", linestyle=":")
ax.set(xlabel="training step", ylabel="relative contrastive loss")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# (The dips at every 32nd step are the last, smaller batches of the epochs: with fewer candidates
# there is less to lose.)

temporary.cleanup()
