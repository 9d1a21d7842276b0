"""Records on disk until the broker has them: the journal's files, and whose they are."""
