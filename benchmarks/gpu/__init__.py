"""Benchmarks of speed: training steps, the training loop, large scale and segment stores."""
