"""
Pretraining from disk, with checkpoints and callbacks
=====================================================

Real pretraining runs for days, on data larger than memory, on machines that are taken away. Here it
is in small: segments in a memory-mapped store, a training that is interrupted and goes on, and a
callback that watches every step.
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
# A callback
# ----------
# Estimators take any skorch callbacks. This one notes the loss of every step. What it keeps in
# attributes of plain values is part of a checkpoint, so that its notes survive as well. It can also
# play the cluster's scheduler, who stops a training at the worst moment.

import signal

from skorch.callbacks import Callback

interrupt_after = None


class StepLosses(Callback):
    """Note the loss of every training step."""

    def __init__(self):
        self.losses = []

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        """Add the loss, and interrupt the training if it is time to."""
        if training:
            self.losses.append(float(loss))
            if len(self.losses) == interrupt_after:
                signal.raise_signal(signal.SIGINT)  # as Ctrl-C does


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
# With ``checkpoint_dir`` a training is saved every ten minutes, and when it is interrupted.

from sklearn.frozen import FrozenEstimator

from relcon_sklearn import Checkpoints, LearnedMotifDistance, RelConEmbedder

distance = LearnedMotifDistance(
    embed_dim=8, max_epochs=1, checkpoint_dir=work / "distance", random_state=0
).fit(store.X, groups=store.hour_groups)


def make_embedder(log, checkpoint_dir):
    """Return the embedder to be trained."""
    return RelConEmbedder(
        FrozenEstimator(distance),
        encoder="resnet14-half",
        candidates="shared",
        n_within=7,
        batch_size=8,
        query_stride=4,
        max_epochs=4,
        callbacks=[log],
        checkpoint_dir=checkpoint_dir,
        random_state=0,
    )


before = StepLosses()
interrupt_after = 40
try:
    make_embedder(before, Checkpoints(work / "encoder", every_seconds=60)).fit(
        store.X, groups=store.hour_groups
    )
except KeyboardInterrupt:
    print(f"interrupted after {len(before.losses)} steps")
print(*sorted(file.name for file in (work / "encoder").glob("[!.]*")))

# %%
# And resumed
# -----------
# The same call goes on. In reality it would be made by another process, perhaps another day; all
# that it needs is in the folder.

interrupt_after = None
log = StepLosses()
embedder = make_embedder(log, work / "encoder").fit(store.X, groups=store.hour_groups)
print(f"{len(log.losses)} steps in all, {len(log.losses) - len(before.losses)} of them now")

# %%
# For comparison, a training that was left alone. Neither of them can tell: losses and embeddings
# are the same, to the bit.

import numpy as np

undisturbed = StepLosses()
other = make_embedder(undisturbed, None).fit(store.X, groups=store.hour_groups)
print("same losses:", log.losses == undisturbed.losses)
print("same embeddings:", np.array_equal(embedder.transform(store.X), other.transform(store.X)))

# %%

import matplotlib.pyplot as plt

n = len(before.losses)
steps = np.arange(1, len(log.losses) + 1)
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.plot(steps, undisturbed.losses, color="#BBBBBB", linewidth=5, label="left alone")
ax.plot(steps[:n], log.losses[:n], color="#0072B2", label="until it was interrupted")
ax.plot(steps[n - 1 :], log.losses[n - 1 :], color="#D55E00", label="from the checkpoint on")
ax.axvline(n, color="black", linestyle=":")
ax.set(xlabel="training step", ylabel="relative contrastive loss")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# (The dips after each 32 steps are the last, smaller batches of the epochs: with fewer candidates
# there is less to lose.)

temporary.cleanup()
