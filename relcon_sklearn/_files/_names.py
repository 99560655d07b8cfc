"""Names of tensors, and of estimators within estimators."""


def join(*names: str) -> str:
    """Return the name of something within something, which may have none."""
    return ".".join(filter(None, names))
