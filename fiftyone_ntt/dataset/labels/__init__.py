"""Between FiftyOne's labels and pixels: masks, fields, and labels as the database holds them."""
