"""Backtests: what models would have been worth, had they been fitted at moments of the past."""
