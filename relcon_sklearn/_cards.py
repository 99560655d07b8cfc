"""Models with a card: the warning where ``fit`` discards their weights, and the card after it."""

from __future__ import annotations

from ._initial import is_name_of_model
from ._utils._frozen import is_frozen
from ._utils._warnings import warn

_HEADING = "# Trained further"


def has_card(estimator) -> bool:
    """Whether an estimator has a model card, or is a clone, without weights, of one that has it."""
    return hasattr(estimator, "card_") or estimator._is_clone_of_model


def warn_of_discarded_weights(estimator) -> None:
    """Warn that ``fit`` discards the weights of a model with a card, or lacks them in a clone.

    Pipelines fit such a model, and cross-validation and searches fit clones of it. Both train
    something else than what the user has loaded.
    """
    name = type(estimator).__name__
    if hasattr(estimator, "card_"):
        what = f"fit discards the weights of this {name}, which has a model card."
    elif lacks_its_weights(estimator):
        what = (
            f"This {name} is a clone of a model that has a model card. A clone has no weights, so "
            "that fit makes new ones."
        )
    else:
        return
    if hasattr(estimator, "init"):
        training = f"To train it further, fit {name}(init=FrozenEstimator(model))."
    else:
        training = (
            f"To train with your labels, fit {name}(FrozenEstimator(embedder)), or "
            f'{name}("motion-small").'
        )
    warn(
        f"{what} In pipelines, searches and cross-validation, pass FrozenEstimator(model) to use "
        f"the model as it is. {training} To make new weights without this warning, fit "
        f"{name}(**model.get_params(deep=False))."
    )


def lacks_its_weights(estimator) -> bool:
    """Return whether an estimator is a clone of a model with a card, for which fit makes weights.

    Clones that start with the weights of another model are not: they repeat its training.
    """
    init, encoder = (getattr(estimator, name, None) for name in ("init", "encoder"))
    starts_with_a_model = init is not None or is_frozen(encoder) or is_name_of_model(encoder)
    return estimator._is_clone_of_model and not starts_with_a_model


def card_of_further(model) -> str | None:
    """Return the card of a model that was trained from an initial one: that card, with a note."""
    card = getattr(model, "card_", None)
    if not isinstance(card, str) or card.startswith(_HEADING):
        return card
    return (
        f"{_HEADING}\n\nThis model started with the weights of the model that is described below, "
        f"and was trained further.\n\n{card}"
    )
