"""Hand-made features of segments: the computation behind :class:`MotionFeatures`."""

from ._motion import feature_names, motion_features

__all__ = ["feature_names", "motion_features"]
