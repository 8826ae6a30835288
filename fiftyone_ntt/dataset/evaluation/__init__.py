"""How good predictions are: COCO's figures, in FiftyOne, and by number of references."""
