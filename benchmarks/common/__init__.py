"""Modules that several benchmarks use: data sets, windows, features, budgets and reports."""
