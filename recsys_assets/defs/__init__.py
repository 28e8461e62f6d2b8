"""Dagster alone, and thin: assets unpack, call one algorithm and attach metadata."""
