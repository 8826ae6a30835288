"""Label files of annotation tools as COCO content, one file a format, without FiftyOne."""
