"""Pictures as PNG: overlays, sheets of references, charts. Knows nothing of FiftyOne."""
