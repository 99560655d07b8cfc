"""
Gait speed from a device on the wrist
=====================================

How fast does a person walk? Walking speed is one of the best single measures of health in old age.
Here it is estimated from 2.56 s and from 10 s of wrist acceleration, by a linear regression on the
embeddings of the model in the package.
"""

# %%
# Forty generated people walk with a device on the wrist. Their legs, gait and arm swing differ, and
# so do the angle of the arm and the orientation of the device. Each of them walks ten times for
# 10 s, at ten speeds.

from relcon_sklearn.datasets import make_motion

walks, _, subject, _, speed, _ = make_motion(
    400,
    n_subjects=40,
    n_timesteps=500,
    sampling_rate=50,
    placement="wrist",
    activities=["walking"],
    random_state=0,
)
print(f"{len(walks)} walks of 40 people, {speed.min():.2f} to {speed.max():.2f} m/s")

# %%
# The model was trained on 2.56 s of real people, without speeds. It embeds segments of other
# lengths too. The first 128 of the 500 time steps are the shorter segments. The baselines are
# hand-made features and the same network untrained. None of them uses speeds, or another walk.

import numpy as np

from relcon_sklearn import MotionFeatures, RelConEmbedder

segments = {"2.56 s": walks[:, :128], "10 s": walks}
model = RelConEmbedder.from_pretrained("motion-small")
untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(segments["2.56 s"])


def represent(X):
    """Return the representations of segments, by their names."""
    embeddings = model.transform(X)
    features = MotionFeatures(sampling_rate=50).fit_transform(X)
    return {
        "features": features,
        "model in the package": embeddings,
        "model and features": np.hstack([embeddings, features]),
        "untrained encoder": untrained.transform(X),
    }


representations = {
    (name, length): Z for length, X in segments.items() for name, Z in represent(X).items()
}

# %%
# Ridge regression predicts each person from others. The penalty is also chosen on held-out people:
# metadata routing passes the subject of each walk to both cross-validations, the inner and the
# outer one.

from sklearn import config_context
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with config_context(enable_metadata_routing=True):
    regressor = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11), cv=GroupKFold(5)))
    predicted = {
        key: cross_val_predict(regressor, Z, speed, cv=GroupKFold(10), params={"groups": subject})
        for key, Z in representations.items()
    }
print(f"error of the mean speed {np.abs(speed - speed.mean()).mean():.3f} m/s")
for (name, length), values in predicted.items():
    error, r2 = mean_absolute_error(speed, values), r2_score(speed, values)
    print(f"{name:<20} {length:<6}  mean absolute error {error:.3f} m/s   R² {r2:5.2f}")

# %%
# Each dot is a walk of a person who was not in the training data.

import matplotlib.pyplot as plt

fig, panels = plt.subplots(1, 3, figsize=(10, 4.2), sharex=True, sharey=True, layout="constrained")
name = "model in the package"
shown = [("features", "2.56 s"), (name, "2.56 s"), (name, "10 s")]
everything = np.concatenate([speed, *(predicted[key] for key in shown)])
ends = [everything.min() - 0.05, everything.max() + 0.05]
for panel, key in zip(panels, shown, strict=True):
    panel.plot(ends, ends, color="black", linewidth=1)
    panel.plot(speed, predicted[key], "o", color="#0072B2", alpha=0.4, markersize=5)
    error = mean_absolute_error(speed, predicted[key])
    panel.set(title=f"{', '.join(key)}\nmean absolute error {error:.3f} m/s", aspect="equal")
    panel.set(xlabel="true speed (m/s)", xlim=ends, ylim=ends)
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("predicted speed (m/s)")
plt.show()

# %%
# Pretraining helps: the same network with random weights has more than one and a half times the
# error. Features and the model are equally good here, and together they are not better. Both are
# better with 10 s than with 2.56 s, because there are more steps to average over.
#
# The cadence, and how hard and how often the arm swings, are visible in any good summary of the
# signal. The model gains from longer segments although it was trained on shorter ones. For the
# speed of real people, it gains more than the features do: :doc:`/models`.
