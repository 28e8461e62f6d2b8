"""Who will like what: features without leakage, boosted trees, clusters of users, and a boost that depends on both."""
