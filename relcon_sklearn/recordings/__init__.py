"""Recordings from the files of devices, in the form that ``segment_recordings`` takes."""

from ._calibrate import calibrate
from ._read_recording import read_recording

__all__ = ["calibrate", "read_recording"]
