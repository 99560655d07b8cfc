"""Helpers that do not depend on segments, networks or estimators."""
