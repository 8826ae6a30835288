"""What a person decides of predictions, and in which order they are looked at."""
