"""Fetchers of published data sets: one publisher a file, on one download, archive and cache."""
