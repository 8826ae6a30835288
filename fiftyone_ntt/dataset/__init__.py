"""FiftyOne: references out of views, banks as custom runs, predictions into fields."""
