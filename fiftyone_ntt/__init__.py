"""Instance masks of your classes over a whole FiftyOne dataset, from a few tagged references.

The public functions; see the README for the tour. Importing this package costs nothing: torch and
FiftyOne are loaded by the first function that needs them. `__init__.pyi` lists the names.
"""

from fiftyone_ntt.lazy_names import lazy_names

__version__ = "0.1.0"

__getattr__, __dir__ = lazy_names(__name__, __file__, eager=["__version__"])
