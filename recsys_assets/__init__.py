"""Movie ratings and metadata become trustworthy recommendations, as one graph of software-defined assets."""
