"""Rating prediction: models of the stars that a user would give to an item."""
