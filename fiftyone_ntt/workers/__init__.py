"""Work spread over processes; knows nothing of images, models or databases."""
