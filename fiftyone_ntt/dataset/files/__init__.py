"""COCO files in and out of a dataset."""
