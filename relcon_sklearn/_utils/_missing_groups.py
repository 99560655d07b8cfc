"""A warning if `groups` is missing where within-subject candidates need it."""

from __future__ import annotations

from ._warnings import warn


def warn_without_groups(groups, n_within: int, method: str) -> None:
    """Warn if within-subject candidates are requested, but no groups were passed.

    Cross-validation and searches pass `groups` to the splitter only, unless metadata routing is
    enabled, so `groups` may be missing although the user passed it.

    Parameters
    ----------
    groups : array-like of shape (n_segments,) or None
        The groups that the method received.
    n_within : int
        Number of within-subject candidates per anchor. If 0, groups are not needed.
    method : {"fit", "score"}
        Name of the method of the embedder.
    """
    if groups is not None or n_within == 0:
        return
    warn(
        f"RelConEmbedder.{method} received no groups, so every segment is its own group, and no "
        f"within-subject candidates are drawn although n_within={n_within}. Pass the subject each "
        "segment belongs to as groups. Cross-validation and searches pass groups on only with "
        "metadata routing: call sklearn.set_config(enable_metadata_routing=True) and "
        f"set_{method}_request(groups=True) of the estimator, and pass params={{'groups': groups}} "
        "to cross_val_score, or groups=groups to fit of a search. To train or score without "
        "within-subject candidates and silence this warning, set n_within=0."
    )
