"""
First embeddings
================

Embed generated recordings with the model that comes with the package. Then pretrain a small encoder
without labels. Compare both, on unseen people, with an untrained encoder and with hand-made
features.
"""

import time

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import MotionFeatures, RelConEmbedder
from relcon_sklearn.datasets import make_motion

# %%
# Three-axis acceleration of forty people in four activities, with devices worn at any orientation.
# Segments are 2.56 s at 50 Hz, in g. Labels of the first 28 people are never used.

X, activity, subject, *_ = make_motion(
    n_segments=1600,
    n_subjects=40,
    n_timesteps=128,
    sampling_rate=50,
    activities=["sitting", "walking", "stairs", "running"],
    random_state=0,
)
unlabelled, labelled = subject < 28, subject >= 28

# %%
# A linear classifier on a representation, with the labels of the other twelve people. In each fold,
# three people are predicted from the rest.


def macro_f1(representation):
    """Return the mean macro-F1 on held-out people."""
    return cross_val_score(
        make_pipeline(representation, StandardScaler(), LogisticRegression(max_iter=5000)),
        X[labelled],
        activity[labelled],
        groups=subject[labelled],
        cv=GroupKFold(4),
        scoring="f1_macro",
    ).mean()


def show(name, representation):
    """Print the macro-F1 of a representation."""
    print(f"{name:<38}{macro_f1(representation):.3f}", flush=True)


# %%
# The model in the package was trained on real recordings of other people.

print("Macro-F1 on people without training data, four activities (chance: 0.25)\n")
model = FrozenEstimator(RelConEmbedder.from_pretrained("motion-small"))
features = MotionFeatures(sampling_rate=50)
show("model in the package", model)
show("hand-made features", features)
show("model in the package and features", make_union(model, features))

# %%
# Pretraining uses the segments only. The defaults are for trainings of minutes. With smaller
# batches and one of the ten epochs, this one needs seconds.

print(f"\nPretraining on {unlabelled.sum()} segments of 28 other people, without labels")
start = time.perf_counter()
embedder = RelConEmbedder(max_epochs=1, batch_size=64, sampling_rate=50, random_state=0, verbose=1)
embedder.fit(X[unlabelled])
print(f"It took {time.perf_counter() - start:.0f} s.\n")
show("pretrained here", FrozenEstimator(embedder.set_params(verbose=0)))
untrained = RelConEmbedder(max_epochs=0, sampling_rate=50, random_state=0).fit(X[unlabelled])
show("the same encoder, untrained", FrozenEstimator(untrained))
