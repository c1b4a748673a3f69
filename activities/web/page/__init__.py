"""The page of a batch, for people."""
