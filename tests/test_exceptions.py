"""Exceptions: what a DamagedFileError is caught by, and that it travels between processes."""

import pickle

import pytest

from relcon_sklearn.exceptions import DamagedFileError


@pytest.mark.parametrize("kind", [OSError, ValueError, DamagedFileError])
def test_is_caught_as(kind):
    with pytest.raises(kind, match=r"^the file is damaged$"):
        raise DamagedFileError("the file is damaged")


def test_pickles():
    copy = pickle.loads(pickle.dumps(DamagedFileError("damaged")))
    assert type(copy) is DamagedFileError
    assert str(copy) == "damaged"
    assert copy.errno is None
