"""The pretrained models that come with the package."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "weights"
_SUFFIX = ".safetensors"


def list_pretrained() -> list[str]:
    """Return the names of the pretrained models that come with the package.

    ``from_pretrained`` loads them without a network:

    - ``RelConEmbedder.from_pretrained("motion-small")``: an encoder for your own tasks
      (:doc:`/models`)
    - ``RelConClassifier.from_pretrained("activity-small")``: lying, sitting, standing, walking,
      stairs, running, cycling and other movement, for a device anywhere on the body
      (:doc:`/activities`)
    - ``RelConClassifier.from_pretrained("activity-small-wrist")``: the same for a device on a wrist

    Returns
    -------
    names : list of str
        The names, sorted.

    Examples
    --------
    >>> from relcon_sklearn import list_pretrained
    >>> list_pretrained()
    ['activity-small', 'activity-small-wrist', 'motion-small']
    """
    return sorted(path.stem for path in _FOLDER.glob(f"*{_SUFFIX}"))


def shipped_path(name: str) -> Path:
    """Return the file of a model that comes with the package, by its name."""
    return _FOLDER / f"{name}{_SUFFIX}"
