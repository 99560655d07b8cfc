"""Errors and warnings of functions in words of the command: options in place of parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

# What the errors of functions advise to pass, and the options that do the same.
_OPTIONS_FOR = {"errors='skip'": "--skip-damage", "nan_policy='omit'": "--skip-damage"}
# Parameters that errors name, and the options that set them.
_NAMED = {"units": "--units", "channels": "--channels X Y Z"}
# As in time='elapsed (s)', but not where an error says what a column that nobody named has.
_TIME = re.compile(r"\btime=(?=(['\"])(?:(?!\1).)*\1(?! has))")
_NO_OPTION = re.compile(r" [^.]*\bgravity=False[^.]*\.")  # a sentence: models expect gravity
# What errors say, and what the command can do about it.
_REMEDIES = {
    "has duplicate timestamps": "--skip-damage leaves out rows that repeat a time, if they are few."
}
# What warnings say to a program, and what they say to users of the command.
_FILTER = r"call warnings\.filterwarnings\([^)]*\)"
_WARNINGS = {
    rf",? or {_FILTER}": "",
    rf" If [^.,]*, {_FILTER}\.": "",
    r"relcon_sklearn\.recordings\.calibrate (corrects [^.]*\.) To correct .*? to them\.": (
        r"--calibrate \1"
    ),
    r"Split it with people = .*? at a time\.": "Write a file for each person.",
}


@contextmanager
def errors_in_words_of_the_command() -> Iterator[None]:
    """Replace parameters in the remedies of errors by options."""
    try:
        yield
    except ValueError as error:
        text = _NO_OPTION.sub("", str(error))
        for parameter, option in _OPTIONS_FOR.items():
            text = text.replace(parameter, option)
        for parameter, option in _NAMED.items():
            if re.search(rf"(?<!-)\b{parameter}( is |=)|\bin {parameter}\b", text):
                text += f" With this command, pass {parameter} in {option}."
        text = _TIME.sub("--time ", text).replace(": time=", ": the column of times ")
        for problem, remedy in _REMEDIES.items():
            if problem in text:
                text += f" With this command, {remedy}"
        if text == str(error):
            raise
        raise type(error)(text) from error


def warning_in_words_of_the_command(text: str) -> str:
    """Return a warning without advice for programs, or with that for the command."""
    for pattern, replacement in _WARNINGS.items():
        text = re.sub(pattern, replacement, text)
    return text
