"""Recordings from the files of devices, in the form that ``segment_recordings`` takes."""

from ._calibrate import calibrate
from ._convert_recordings import convert_recordings
from ._read_recording import read_recording

__all__ = ["calibrate", "convert_recordings", "read_recording"]
