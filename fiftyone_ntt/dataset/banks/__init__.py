"""Memory banks on a dataset: made, kept, changed, and their references in small."""
