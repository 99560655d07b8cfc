"""
Tuning the pretraining with GridSearchCV
========================================

Which temperature is best? How many of the candidates should be positives? Pretraining has no score
that answers this, because losses with different settings cannot be compared. The score of a
classifier on the embeddings, for held-out people, can be compared. The parameters of the encoder
are parameters of a scikit-learn estimator, so this is an ordinary grid search.
"""

# %%
# Generated people in four activities. The mean of each axis, mostly gravity, is subtracted.

from relcon_sklearn.datasets import make_motion

X, activity, subject, *_ = make_motion(
    480,
    24,
    n_timesteps=128,
    sampling_rate=50,
    activities=["sitting", "walking", "stairs", "running"],
    random_state=0,
)
X = X - X.mean(axis=1, keepdims=True)

# %%
# One network is trained for each setting and fold, so we use a small one: ``encoder`` may be any
# callable that returns a torch module. The other settings are explained in
# :ref:`sphx_glr_auto_examples_start_plot_quickstart.py`. Metadata routing passes the subjects to
# the splitter. The encoder does not need them.

from functools import partial

from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from relcon_sklearn import RelConEmbedder
from relcon_sklearn.nn import ResNet1D

embedder = RelConEmbedder(
    encoder=partial(ResNet1D, n_blocks=(1, 1), widths=(32, 64), kernel_sizes=(3, 4)),
    max_epochs=1,
    steps_per_epoch=40,
    batch_size=64,
    sampling_rate=50,
    random_state=0,
)
grid = [
    {"embed__max_epochs": [0]},  # untrained: the baseline
    {"embed__n_positives": [1, 4, 16], "embed__temperature": [0.05, 0.2]},
]
with config_context(enable_metadata_routing=True):
    pipeline = Pipeline(
        [
            ("embed", embedder.set_fit_request(groups=False)),
            ("scale", StandardScaler()),
            ("classify", LogisticRegression(max_iter=2000)),
        ]
    )
    search = GridSearchCV(pipeline, grid, cv=GroupKFold(3), scoring="f1_macro")
    search.fit(X, activity, groups=subject)

# %%
# All settings, best first. Each marker is one of the three folds of people, and the bar is their
# mean.

import matplotlib.pyplot as plt
import numpy as np

results = search.cv_results_
folds = np.column_stack([results[f"split{i}_test_score"] for i in range(3)])
names = [
    "untrained"
    if "embed__max_epochs" in setting
    else f"positives {setting['embed__n_positives']}, temperature {setting['embed__temperature']}"
    for setting in results["params"]
]
order = np.argsort(-folds.mean(axis=1))

fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for row, i in enumerate(order):
    colour = "#D55E00" if names[i] == "untrained" else "#0072B2"
    for value, marker in zip(folds[i], "os^", strict=True):
        ax.plot(value, row, marker, color=colour, alpha=0.6, markersize=7)
    ax.plot(folds[i].mean(), row, "|", color="black", markersize=18, markeredgewidth=2)
ax.set_yticks(range(len(order)), [names[i] for i in order])
ax.set_ylim(len(order) - 0.4, -0.6)
ax.set_xlabel("macro-F1 on held-out people (markers: folds, bar: mean)")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The search returns the setting with the highest mean:

search.best_params_

# %%
# With 24 people, these settings cannot be distinguished: the best one changes from fold to fold,
# and the means are closer together than the folds of most settings. Keep this in mind when you read
# the best parameters of a search. All settings are better than the untrained network, by a small
# margin.
