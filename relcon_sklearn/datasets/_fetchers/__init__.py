"""Fetchers of published data sets, one file each, and the code that they share."""
