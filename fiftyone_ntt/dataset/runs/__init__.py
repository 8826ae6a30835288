"""Runs over images that write labels: segmenting, relabelling, boxes to masks; taking them back."""
