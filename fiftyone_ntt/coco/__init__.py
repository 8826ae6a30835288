"""COCO files in, COCO results out, without FiftyOne or a database."""
