"""A clock that tests control."""


class Ticks:
    """A clock that advances by one each time it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1
        return self.now


class Clock:
    """A clock that stands still unless a test sets `now`."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now
