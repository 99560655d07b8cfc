"""Hand-made features of segments: the computation behind :class:`MotionFeatures`."""

from ._motion import MIN_TIMESTEPS, feature_names, motion_features

__all__ = ["MIN_TIMESTEPS", "feature_names", "motion_features"]
