"""
What the distance sees
======================

:class:`~relcon_sklearn.LearnedMotifDistance` measures how badly one segment, the anchor, is rebuilt
from another, the candidate. It looks for motifs: short patterns that occur in both, wherever they
are in time. Here two people walk, with the device worn at two orientations, and we look at what of
the one the distance finds in the other.
"""

# %%
# The distance is learned from segments of other people, without labels: nobody tells it who walks.
# From each segment we subtract the mean of each axis, which over 2.56 s is mostly gravity. It is
# the largest part of most segments and says how the device is worn, not how it is moved; a distance
# trained for seconds would be about little else.

from relcon_sklearn import LearnedMotifDistance
from relcon_sklearn.datasets import make_motion


def load_motion(n_segments, n_subjects, random_state):
    """Segments of generated people (g, without gravity), what they did and who they are."""
    X, activity, subject, *_ = make_motion(
        n_segments,
        n_subjects,
        n_timesteps=128,
        sampling_rate=50,
        activities=["sitting", "walking", "stairs", "running"],
        random_state=random_state,
    )
    return X - X.mean(axis=1, keepdims=True), activity, subject


X, _, subject = load_motion(600, 20, random_state=0)
distance = LearnedMotifDistance(
    embed_dim=16, max_epochs=15, batch_size=16, lr=1e-2, random_state=0
).fit(X, groups=subject)

# %%
# Two other people. The anchor is from the first, walking; the candidate from the second, who wears
# the device another way round.

import matplotlib.pyplot as plt
import numpy as np

from relcon_sklearn.plotting import MotifMatchDisplay

X, activity, subject = load_motion(60, 3, random_state=1)
anchor = X[(subject == 0) & (activity == "walking")][0]
same_activity = X[(subject == 1) & (activity == "walking")][0]

display = MotifMatchDisplay.from_estimator(
    distance, anchor, same_activity, sampling_rate=50, vmax=1
)
plt.show()

# %%
# The map in the middle is the attention: row by row, from which moments of the candidate (above)
# a moment of the anchor (left) is rebuilt. Dark strokes that run down to the right are motifs:
# for some tenths of a second both people move alike. They recur with the steps of the anchor, and
# point to the few steps of the candidate that fit best. Vertical strokes are moments that are used
# again and again, where the anchor moves little. The axes of the two devices do not correspond, and
# need not.
#
# Below, the dashed line is all that could be rebuilt. It is smoother than the anchor and misses
# some of its peaks. The squared gap, summed over time and axes, is the distance
# :math:`d(\text{anchor} \mid \text{candidate})`.
#
# From somebody who sits, a walk cannot be rebuilt. There are strokes in this map as well, since
# the weights of each row sum to one whatever the candidate is like (note the scale of what is
# above; that of the weights is the same in both maps). But what they point to comes to nothing: the
# dashed lines are flat.

sitting = X[(subject == 1) & (activity == "sitting")][0]
display = MotifMatchDisplay.from_estimator(distance, anchor, sitting, sampling_rate=50, vmax=1)
plt.show()

# %%
# This is what RelCon ranks candidates by: here everything that the other two people did, from
# nearest to farthest. We draw a few of them, evenly spread over the ranks. Running is farther from
# walking than sitting still is: it puts in what is not there, and large.

from relcon_sklearn.plotting import CandidateRankingDisplay

others = subject != 0
display = CandidateRankingDisplay.from_estimator(
    distance,
    anchor,
    X[others],
    n=6,
    show="spread",
    labels=activity[others],
    anchor_label="walking",
    sampling_rate=50,
)
plt.show()

# %%
# One anchor proves little. For all walks of the first person, this is how far the candidates of
# each activity are, in the median. Climbing stairs, which the generated people do much as they
# walk, is about as near as walking: the distance knows shapes, not names.

walks = X[(subject == 0) & (activity == "walking")]
distances = distance.pairwise(walks, X[others])
for name in np.unique(activity):
    print(f"{name:<8} {np.median(distances[:, activity[others] == name]):6.1f} g²")
