"""Names of tensors and of nested estimators in a file."""


def join(*names: str) -> str:
    """Return the dotted name of a nested object; empty names are skipped."""
    return ".".join(filter(None, names))
