"""Benchmarks of pretraining: what the encoder and the distance gain from it."""
