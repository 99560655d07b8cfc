"""Benchmarks of reliability: memory, leaks, damaged files and killed trainings."""
