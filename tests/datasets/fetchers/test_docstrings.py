"""Docstrings of the fetchers: entries of shared parameters are the same, word for word."""

import inspect
import re

import pytest

from relcon_sklearn import datasets

FETCHERS = [name for name in datasets.__all__ if name.startswith("fetch_")]
DOWNLOADING = [*FETCHERS, "load_benchmark"]
SHARED = {
    "data_home": DOWNLOADING,
    "download_if_missing": DOWNLOADING,
    "return_X_y": FETCHERS,
    "as_frame": FETCHERS,
    "n_retries": DOWNLOADING,
    "delay": DOWNLOADING,
    "progressbar": DOWNLOADING,
}


def parameter_entries(function):
    """Return the text of each entry of the section Parameters, with its type."""
    section = (
        inspect.getdoc(function).split("Parameters\n----------\n")[1].split("\n\nReturns\n")[0]
    )
    entries = re.split(r"^(?=\w+ : )", section, flags=re.MULTILINE)[1:]
    return {entry.split(" : ")[0]: entry.strip() for entry in entries}


def test_every_parameter_has_an_entry():
    for name in DOWNLOADING:
        function = getattr(datasets, name)
        assert list(parameter_entries(function)) == list(inspect.signature(function).parameters)


@pytest.mark.parametrize("parameter", SHARED)
def test_entries_of_shared_parameters_are_the_same(parameter):
    entries = {parameter_entries(getattr(datasets, name))[parameter] for name in SHARED[parameter]}
    assert len(entries) == 1
