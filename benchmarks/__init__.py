"""How fast the package is, and against what: `python -m benchmarks --help`."""
