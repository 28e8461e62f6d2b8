"""Movies by what is known of them: text, genres and numbers as vectors, their clusters and their neighbours."""
