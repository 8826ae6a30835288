"""Valid content, damaged at random: what a reader meets on strangers' machines.

`mutated_json` damages values (a number becomes a text, a list loses an item), `mutated_bytes` the
file itself, `resealed` what a sealed file holds, with a checksum that is right again. A damaged
value may be wrong in every way that JSON can say; a test hands it to readers that check what they
pass on, so that nothing outside this project sees it unchecked.

How many mutations a test tries is said by `mutations`: a few hundred, or what the environment
variable FIFTYONE_NTT_MUTATIONS says (`make test-long`: 10,000).
"""

from __future__ import annotations

import copy
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fiftyone_ntt.errors import NttError
from fiftyone_ntt.store.sealed import SealedFormat

_CI_MUTATIONS = 300
_MOST_SECONDS = 2.0
_MOST_GROWTH = 2**30
"""Bytes of memory."""

_HUGE = 1e300

_STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 0.5, -0.0, 1e9, -1e9, 1e308, 2**31, 2**32, 2**63, 2**64),
    *(float("nan"), float("inf"), -float("inf"), 10**30, 10**400),
    *(
        "",
        "0",
        "1",
        "nan",
        "1e999",
        " 1 ",
        "x",
        "a\\b",
        "../..",
        "/",
        "\0",
        "\ud800",
        "\u202e",
        "é",
    ),
    *("0" * 100, [], {}, [[]], [None], [0], [[0, 0]], {"": 0}, {"size": [1, 1]}, [[[[[]]]]]),
)


def mutations() -> int:
    """How many mutations a test tries."""
    return int(os.environ.get("FIFTYONE_NTT_MUTATIONS", _CI_MUTATIONS))


def mutated_json(content: Any, seed: int) -> Any:
    """A copy of what a JSON file holds, with one to four changes.

    Args:
        content: lists, objects, texts and numbers.
        seed: another damage for another seed.
    """
    choice = random.Random(seed)
    copied = copy.deepcopy(content)
    for _ in range(choice.randint(1, 4)):
        places = list(_places(copied))
        if not places:
            return choice.choice(_STRANGE)
        # Deep values are many; a level is drawn first, so that the file's own entries have a turn.
        depth = choice.choice(sorted({level for level, *_ in places}))
        _, owner, key = choice.choice([place for place in places if place[0] == depth])
        _damage(owner, key, choice)
    return copied


def mutated_bytes(content: bytes, seed: int) -> bytes:
    """A copy of a file, with bytes flipped, cut, repeated or put in."""
    choice = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(choice.randint(1, 4)):
        start = choice.randrange(len(damaged) + 1)
        end = min(len(damaged), start + choice.choice((1, 2, 8, 100)))
        kind = choice.randrange(5)
        if kind == 0 and start < len(damaged):
            damaged[start] ^= 1 << choice.randrange(8)
        elif kind == 1:
            del damaged[start:end]
        elif kind == 2:
            damaged[start:start] = damaged[start:end]
        elif kind == 3:
            damaged[start:end] = choice.randbytes(end - start)
        else:
            del damaged[start:]
    return bytes(damaged)


def resealed(data: bytes, form: SealedFormat, seed: int) -> bytes:
    """A sealed file with a right checksum over damaged content: JSON values, arrays, or both."""
    choice = random.Random(seed)
    content, arrays = form.unseal(data, "original")
    values = {k: v for k, v in content.items() if k not in ("format", "version", "checksum")}
    part = choice.randrange(3)
    if part != 0:
        values = mutated_json(values, seed)
    if part != 1:
        _damage_arrays(arrays, choice)
    return form.seal(values if isinstance(values, dict) else {}, arrays)


def mutated_sealed(data: bytes, form: SealedFormat, seed: int) -> bytes:
    """A sealed file with its bytes damaged or, mostly, its content."""
    return mutated_bytes(data, seed) if seed % 4 == 0 else resealed(data, form, seed)


_KINDS = ("bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float32")


def _damage_arrays(arrays: dict[str, Any], choice: random.Random) -> None:
    """One to three changes of names, types, shapes and values."""
    for _ in range(choice.randint(1, 3)):
        name = choice.choice(sorted(arrays) or ["none"])
        array, kind = arrays.get(name, np.zeros(1, np.float32)), choice.randrange(7)
        if kind == 0:
            arrays.pop(name, None)
        elif kind == 1:
            arrays[choice.choice(sorted(arrays) or [name])] = array
        elif kind == 2:
            with np.errstate(all="ignore"):
                arrays[name] = array.astype(choice.choice(_KINDS))
        elif kind == 3:
            shapes = [array.ravel(), array[None], array[..., None], array[:-1], array[:0]]
            shapes += [np.concatenate([array, array])] if array.ndim else []
            arrays[name] = np.ascontiguousarray(choice.choice(shapes if array.ndim else shapes[:3]))
        elif array.size:
            arrays[name] = _other_values(array, choice)


def _other_values(array: Any, choice: random.Random) -> Any:
    """The array with a few numbers changed, to bounds of its type mostly."""
    changed = array.copy().ravel()
    strange: list[Any] = [0, 1, 2, 3, 100]
    if np.issubdtype(array.dtype, np.floating):
        info = np.finfo(array.dtype)
        strange += [float("nan"), float("inf"), info.max, -info.max, info.tiny, -1, 1e4]
    elif array.dtype != bool:
        bounds = np.iinfo(array.dtype)
        strange += [bounds.max, bounds.min, bounds.max // 2, max(bounds.min, -1), 48, 79, 111]
    for _ in range(choice.randint(1, 4)):
        changed[choice.randrange(changed.size)] = choice.choice(strange)
    return changed.reshape(array.shape)


def _places(content: Any, depth: int = 0) -> Iterator[tuple[int, Any, Any]]:
    """Depth, owner and key of every value in lists and objects."""
    keys = content if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield depth, content, key
        if isinstance(content[key], (dict, list)):
            yield from _places(content[key], depth + 1)


def _damage(owner: Any, key: Any, choice: random.Random) -> None:
    value, kind = owner[key], choice.randrange(6)
    if kind == 0:
        del owner[key]
    elif kind == 1 and isinstance(owner, list):
        owner.insert(key, copy.deepcopy(value))
    elif kind == 2 and type(value) in (int, float) and abs(value) < _HUGE:
        owner[key] = value * choice.choice((-1, 2, 1.5, 1000, 0)) + choice.choice((0, 1, -0.5))
    elif kind == 3:
        owner[key] = str(value)
    elif kind == 4 and isinstance(value, str) and value:
        place = choice.randrange(len(value))
        owner[key] = value[:place] + chr(choice.randrange(33, 127)) + value[place + 1 :]
    else:
        owner[key] = copy.deepcopy(choice.choice(_STRANGE))


@contextmanager
def one_mutation(what: str) -> Iterator[None]:
    """Fails if reading takes too long or too much memory, or with another error than ours.

    Args:
        what: is read, for the failure: kind and seed.
    """
    start, before = time.process_time(), _peak_memory()
    try:
        yield
    except NttError as error:
        assert str(error), f"{what}: an error without a message"
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    seconds, growth = time.process_time() - start, _peak_memory() - before
    assert seconds < _MOST_SECONDS, f"{what}: {seconds:.1f} s"
    assert growth < _MOST_GROWTH, f"{what}: {growth / 1e6:.0f} MB"


def each_mutation(read: Callable[[int], None], what: str) -> None:
    """Call a function with the seed of every mutation, as `one_mutation` does."""
    for seed in range(mutations()):
        with one_mutation(f"{what}, seed {seed}"):
            read(seed)


def _peak_memory() -> int:
    """The most bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
