"""The panels, and what only they need."""
