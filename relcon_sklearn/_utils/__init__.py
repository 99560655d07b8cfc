"""Helpers that know nothing of segments, networks or estimators."""
