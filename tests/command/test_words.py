"""Warnings of functions in words of the command."""

import pytest

from relcon_sklearn._command._words import (
    errors_in_words_of_the_command,
    warning_in_words_of_the_command,
)
from relcon_sklearn._recordings._calibration import GravityError, warn_not_calibrated
from relcon_sklearn._recordings._people import warn_of_people
from relcon_sklearn._recordings._upsampling import warn_of_upsampling

NAME = "the recording"


def warned(function, *arguments):
    """Return what a function warns of, in words of the command."""
    with pytest.warns(UserWarning, match=NAME) as caught:
        function(*arguments)
    return warning_in_words_of_the_command(str(caught[0].message))


def test_calibration():
    text = warned(warn_not_calibrated, [GravityError(NAME, 0.06)], 1)
    assert text.endswith("may learn them. --calibrate corrects recordings of at least 12 h.")


def test_upsampling():
    text = warned(warn_of_upsampling, [12.5], 50, [NAME])
    assert text.endswith("is wrong more often. Train one at the lower rate.")


def test_several_people():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [0.0, 0.0], "subject": ["ann", "bob"]})
    text = warned(warn_of_people, frame, ["x"], NAME)
    assert text.endswith(
        "such as 'ann' and 'bob'. Write a file for each person. If all are the same person, drop "
        "the column."
    )


def test_a_hole():
    text = (
        "The recording has no data for 40 days after 2024-03-05 22:00. The clock of the device may "
        "have been wrong before or after it."
    )
    advice = (
        " If it was right, call warnings.filterwarnings('ignore', message='The recording has no "
        "data for')."
    )
    assert warning_in_words_of_the_command(text + advice) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name it: time='t (s)' or time='t2'.", "name it: --time 't (s)' or --time 't2'."),
        ("a.csv: time='t' has '03/05/2024'", "a.csv: the column of times 't' has '03/05/2024'"),
    ],
)
def test_the_column_of_times_is_an_option_where_it_is_advice(text, expected):
    with pytest.raises(ValueError, match="a") as error, errors_in_words_of_the_command():
        raise ValueError(text)
    assert str(error.value) == expected
