"""What a model says about days of a recording: timelines, and totals of days.

A timeline is a DataFrame with one row for each step of time. It has the columns `start` and `end`,
in UTC, and `label` or `value`.
"""

from ._daily_totals import daily_totals
from ._predict_timeline import predict_timeline
from ._transitions import Transitions, assume_transitions, learn_transitions

__all__ = [
    "Transitions",
    "assume_transitions",
    "daily_totals",
    "learn_transitions",
    "predict_timeline",
]
