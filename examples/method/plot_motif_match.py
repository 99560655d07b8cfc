"""
What the distance sees
======================

Does a walk look like the walk of another person who wears the device at another orientation?
:class:`~relcon_sklearn.LearnedMotifDistance` measures the error with which one segment, the anchor,
is reconstructed from another, the candidate. It looks for motifs: short patterns that occur in
both, at any position in time. We look at which motifs it finds.
"""

# %%
# The distance is learned from segments of other people, without activity labels. From each segment
# we subtract the mean of each axis, which over 2.56 s is mostly gravity. Gravity is the largest
# part of most segments and shows how the device is worn, not how it moves. It would dominate a
# distance that was trained for seconds.

from relcon_sklearn import LearnedMotifDistance
from relcon_sklearn.datasets import make_motion


def load_motion(n_segments, n_subjects, random_state):
    """Return segments of generated people (g, without gravity), activities and subjects."""
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
distance = LearnedMotifDistance.for_cpu(max_epochs=15, random_state=0)
distance.fit(X, groups=subject)

# %%
# We use two other people. The anchor is a walk of the first person. The candidate is a walk of the
# second, who wears the device at another orientation.

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
# The map in the middle is the attention. Each row shows from which time steps of the candidate
# (above) a time step of the anchor (left) is reconstructed. Dark diagonal lines, down to the right,
# are motifs: for some tenths of a second both people move in the same way. They recur with the
# steps of the anchor, and point to the few steps of the candidate that fit best. Vertical lines are
# time steps that are used repeatedly, while the anchor moves little. The axes of the two devices do
# not correspond, and this is not necessary.
#
# Below, the dashed line is the reconstruction. It is smoother than the anchor and misses
# some of its peaks. The squared difference, summed over time and axes, is the distance
# :math:`d(\text{anchor} \mid \text{candidate})`.
#
# A walk cannot be reconstructed from a sitting person. This map has lines too, because the weights
# of each row sum to one for any candidate. Note the scale of the candidate above; the scale of the
# weights is the same in both maps. But the values at the selected time steps are almost zero: the
# dashed lines are flat.

sitting = X[(subject == 1) & (activity == "sitting")][0]
display = MotifMatchDisplay.from_estimator(distance, anchor, sitting, sampling_rate=50, vmax=1)
plt.show()

# %%
# RelCon ranks candidates by this distance. Here they are all segments of the other two people, from
# nearest to farthest. We show a few of them, evenly spaced over the ranks. Running is farther from
# walking than sitting is, because its reconstruction adds large movements that the anchor lacks.

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
# One anchor is not enough. For all walks of the first person, these are the median distances from
# the candidates of each activity.

walks = X[(subject == 0) & (activity == "walking")]
distances = distance.pairwise(walks, X[others])
for name in np.unique(activity):
    print(f"{name:<8} {np.median(distances[:, activity[others] == name]):6.1f} g²")

# %%
# The distance finds the motifs of a walk in another person, although the axes of the two devices do
# not correspond. It measures shapes, not labels: climbing stairs is about as near as walking,
# because the generated people climb stairs almost as they walk.
