"""The generated demo scenes and the tiny bundled weights."""
