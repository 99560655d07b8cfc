"""Recordings from the files of devices, in the form that ``segment_recordings`` takes."""

from ._read_recording import read_recording

__all__ = ["read_recording"]
