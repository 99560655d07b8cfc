"""Benchmarks for a machine with one GPU, which benchmarks/gpu.sh runs one after the other."""
