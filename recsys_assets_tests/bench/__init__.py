"""Benchmarks at the size of MovieLens 25M, on generated ratings, against the libraries called directly."""
