"""The method on arrays and tensors; never imports fiftyone."""
