"""The published few-shot protocols: where their data lie, their splits, and running them."""
