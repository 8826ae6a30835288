"""Banks on disk: safetensors, written atomically, versioned and checksummed."""
