"""What the script of the Review panel asks: which predictions, their pictures, and decisions.

Decisions come in the order they were made, each with a name of its own. What a browser does not
know to have arrived it sends again; what has arrived is known by its name, and not done twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from threading import Lock
from typing import Any

import fiftyone.core.collections as foc

import fiftyone_ntt as ntt
from fiftyone_ntt.errors import DatabaseError
from fiftyone_ntt.plugin.shared.context import Context
from fiftyone_ntt.plugin.shared.prediction_run import last_run
from fiftyone_ntt.plugin.shared.shown_errors import tell_error
from fiftyone_ntt.plugin.shared.slices import shown_images

ORDERS = ("doubt", "class", "confidence")
_PAGE = 500
"""Predictions that are listed at once; a person takes an hour for them."""
_SIDE = 400
"""Of a picture, in pixels."""
_ID, _HEXADECIMAL = 24, frozenset("0123456789abcdef")
"""Digits of a label's id."""
_CHOSEN = "tagged:"
"""How a bank's names of negatives begin that a person chose."""
_REMEMBERED = 20_000
_KEPT_PICTURES = 500
"""Of references: about 15 MB."""

Answer = dict[str, Any]

_deciding = Lock()
"""Decisions are written in the order in which they arrive."""
_done: OrderedDict[str, Answer] = OrderedDict()
_pictures: OrderedDict[tuple[str, ...], Answer | None] = OrderedDict()


def queue(ctx: Context) -> Answer:
    """The predictions to look at next, and what is known of all of them."""
    given = ctx.params
    fields = _fields(ctx)
    field = given.get("field") if given.get("field") in fields else next(iter(fields), None)
    if field is None:
        return {"fields": []}
    order = str(given.get("order") if given.get("order") in ORDERS else ORDERS[0])
    shown, classes = shown_images(ctx), given.get("classes") or None
    found = ntt.review_queue(shown, field, order=order, classes=classes)
    limit = int(given.get("limit") or _PAGE)
    bank = _bank(ctx, field)
    return {
        "fields": fields,
        "field": field,
        "order": order,
        "classes": _classes(shown, field, bank),
        "bank": None if bank is None else bank.name,
        "left": len(found),
        "decided": _decided(shown, field, classes),
        "items": [asdict(item) for item in found[:limit]],
    }


def crops(ctx: Context) -> Answer:
    """Pictures of predictions, by their names."""
    given = ctx.params
    side = int(given.get("side") or _SIDE)
    found = ntt.prediction_crops(ctx.dataset, given["field"], given["names"], side=side)
    return {name: _picture(crop) for name, crop in found.items()}


def references(ctx: Context) -> Answer:
    """Pictures of a bank's references, by their ids; none of one whose label is gone.

    Not `reference_picture`: it needs torch, and decisions would wait for that to be loaded.
    """
    bank, names = ctx.params["bank"], ctx.params["names"]
    keys = {name: (ctx.dataset.name, bank, name) for name in names}
    missing = [name for name in names if keys[name] not in _pictures]
    if missing:
        # Where they lie is known of those that the Memory Bank panel has shown.
        for name, thumbnail in ntt.load_thumbnails(ctx.dataset, bank, missing).items():
            if thumbnail is not None:
                place = f"{thumbnail.label_id}@{thumbnail.sample_id}"
                found = ntt.prediction_crops(ctx.dataset, thumbnail.field, [place], side=_SIDE)
                _keep(keys[name], found.get(place))
        unknown = [name for name in missing if keys[name] not in _pictures]
        found = ntt.prediction_crops(
            ctx.dataset, None, list(filter(_is_label, unknown)), side=_SIDE
        )
        for name in unknown:
            _keep(keys[name], found.get(name))
    pictures = {name: _pictures.get(key) for name, key in keys.items()}
    return {name: picture for name, picture in pictures.items() if picture is not None}


def _is_label(name: str) -> bool:
    """Whether a bank's name of a reference is a label's: those of files have others."""
    return all(len(part) == _ID and set(part) <= _HEXADECIMAL for part in name.split("@"))


def _picture(crop: Any) -> Answer:
    return {"picture": crop.uri, "outlines": crop.outlines}


def _keep(key: tuple[str, ...], crop: Any) -> None:
    _pictures[key] = None if crop is None else _picture(crop)
    while len(_pictures) > _KEPT_PICTURES:
        _pictures.popitem(last=False)


def decide(ctx: Context) -> Answer:
    """Write decisions; those that cannot be written say why, and stop no other."""
    with _deciding:
        reports = {}
        for one in ctx.params["decisions"]:
            key = str(one["key"])
            if key not in _done:
                _done[key] = _reported(ctx, one)
                while len(_done) > _REMEMBERED:
                    _done.popitem(last=False)
            reports[key] = _done[key]
        return {"reports": reports}


def _reported(ctx: Context, one: dict[str, Any]) -> Answer:
    field, names = one["field"], one["names"]
    try:
        report = _CALLS[one["verdict"]](ctx, field, names, one.get("label"))
    except DatabaseError:
        raise  # the script sends it again
    except ntt.NttError as error:
        return {"error": tell_error("Writing the decision", error)}
    return {
        "decided": report.decided,
        "changed": list(report.changed),
        "gone": list(report.gone),
        "contested": list(report.contested),
    }


def teach(ctx: Context) -> Answer:
    """Make a prediction a reference or a negative of its bank, or take that back."""
    given = ctx.params
    _LESSONS[given["lesson"]](ctx, given["field"], given["name"], given["bank"])
    return {"bank": given["bank"]}


ANSWERS: dict[Any, Callable[[Context], Answer]] = {
    "queue": queue,
    "crops": crops,
    "references": references,
    "decide": decide,
    "teach": teach,
}
"""By what the script calls them."""

_CALLS: dict[str, Callable[[Context, str, list[str], Any], Any]] = {
    "accept": lambda ctx, field, names, _: ntt.accept(
        ctx.dataset, field, names, reviewer=ctx.user_id
    ),
    "reject": lambda ctx, field, names, _: ntt.reject(
        ctx.dataset, field, names, reviewer=ctx.user_id
    ),
    "relabel": lambda ctx, field, names, label: ntt.relabel_as(
        ctx.dataset, field, names, label, reviewer=ctx.user_id
    ),
    "undecide": lambda ctx, field, names, _: ntt.undecide(ctx.dataset, field, names),
}


def _add_reference(ctx: Context, field: str, name: str, bank: str) -> None:
    ntt.add_references(ctx.dataset, bank, field, label_ids=[name], device="auto", progress=False)


def _add_negative(ctx: Context, field: str, name: str, bank: str) -> None:
    ntt.add_negatives(ctx.dataset, bank, field, label_ids=[name], device="auto", progress=False)


def _remove_reference(ctx: Context, field: str, name: str, bank: str) -> None:
    known = set(ntt.load_memory_bank(ctx.dataset, bank).references.ids)
    ntt.remove_references(ctx.dataset, bank, sorted(_meant(name) & known))


def _remove_negative(ctx: Context, field: str, name: str, bank: str) -> None:
    known = set(ntt.load_memory_bank(ctx.dataset, bank).negatives.ids)
    wanted = {f"{_CHOSEN}{meant}" for meant in _meant(name)}
    ntt.remove_negatives(ctx.dataset, bank, sorted(wanted & known))


_LESSONS = {
    "reference": _add_reference,
    "negative": _add_negative,
    "no reference": _remove_reference,
    "no negative": _remove_negative,
}


def _meant(name: str) -> set[str]:
    """What a bank may call a label: by its id alone, unless others share that."""
    return {name, name.partition("@")[0]}


def _fields(ctx: Context) -> list[str]:
    """The fields that runs have written, the last one first."""
    runs = ntt.list_prediction_runs(ctx.dataset).values()
    written = dict.fromkeys(run["field"] for run in runs)
    return [field for field in reversed(written) if ctx.dataset.get_field(field) is not None]


def _bank(ctx: Context, field: str) -> Any:
    """The bank that the predictions are of, as it is listed; None where it is gone."""
    run = last_run(ctx, field)
    known = {bank.name: bank for bank in ntt.list_memory_banks(ctx.dataset)}
    return None if run is None else known.get(run["bank"])


def _classes(shown: foc.SampleCollection, field: str, bank: Any) -> list[str]:
    """Those of the bank and of the predictions, those with most predictions first."""
    counts = shown.count_values(f"{field}.detections.label")
    names = {*counts, *(() if bank is None else bank.classes)} - {None}
    return sorted(names, key=lambda name: (-counts.get(name, 0), name))


def _decided(shown: foc.SampleCollection, field: str, classes: list[str] | None) -> int:
    """Predictions with a decision, of some classes or of all."""
    if classes is not None:
        shown = shown.filter_labels(field, _is_one_of(classes))
    tags = shown.count_values(f"{field}.detections.tags")
    return int(tags.get("accepted", 0) + tags.get("rejected", 0))


def _is_one_of(classes: list[str]) -> Any:
    from fiftyone import ViewField

    return ViewField("label").is_in(classes)
