"""The context's protocols against FiftyOne's classes, and against what the package uses."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fiftyone.operators.executor import ExecutionContext, Executor

import fiftyone_ntt
from fiftyone_ntt.plugin.shared import context
from fiftyone_ntt.plugin.shared.context import Context, Operations, PanelContext, PanelRef

SOURCES = sorted(Path(fiftyone_ntt.__file__).parent.rglob("*.py"))
CONTEXTS = {protocol.__name__ for protocol in (Context, PanelContext)}
REAL = ExecutionContext({"params": {"panel_id": "p"}}, Executor())


def members(*protocols: type) -> dict[str, Any]:
    """What protocols name, those they extend included: functions, and properties for values."""
    return {
        name: member
        for protocol in protocols
        for base in protocol.__mro__
        if base.__module__ == context.__name__
        for name, member in vars(base).items()
        if not name.startswith("_")
    }


MEMBERS = [
    pytest.param(real, name, declared, id=f"{type(real).__name__}.{name}")
    for real, protocol in ((REAL, PanelContext), (REAL.ops, Operations), (REAL.panel, PanelRef))
    for name, declared in members(protocol).items()
]
METHODS = [param for param in MEMBERS if inspect.isfunction(param.values[2])]


@pytest.mark.parametrize(("real", "name", "declared"), MEMBERS)
def test_fiftyone_has_each_member(real: Any, name: str, declared: Any) -> None:
    found = inspect.getattr_static(real, name, None)

    assert found is not None
    assert inspect.isfunction(found) == inspect.isfunction(declared)


@pytest.mark.parametrize(("real", "name", "declared"), METHODS)
def test_fiftyone_s_methods_take_the_parameters(real: Any, name: str, declared: Any) -> None:
    given, taken = map(inspect.signature, (declared, inspect.getattr_static(real, name)))
    values = {parameter: f"value of {parameter}" for parameter in given.parameters}
    by_name = {p.name: values[p.name] for p in parameters(given) if p.kind is p.KEYWORD_ONLY}
    by_place = [value for parameter, value in values.items() if parameter not in by_name]

    assert taken.bind(*by_place, **by_name).arguments == values
    assert taken.bind(**values).arguments == values
    assert defaults(given).items() <= defaults(taken).items()


def parameters(signature: inspect.Signature) -> Iterable[inspect.Parameter]:
    return signature.parameters.values()


def defaults(signature: inspect.Signature) -> dict[str, Any]:
    return {p.name: p.default for p in parameters(signature) if p.default is not p.empty}


@pytest.mark.parametrize(
    ("place", "protocols"),
    [
        ("ctx", [Context, PanelContext]),
        ("ctx.ops", [Operations]),
        ("ctx.panel", [PanelRef]),
    ],
)
def test_protocols_name_what_the_package_uses(place: str, protocols: list[type]) -> None:
    used = {
        node.attr
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in (place, f"form.{place}", f"self.{place}")
    }

    assert used == set(members(*protocols))


def test_every_ctx_has_a_protocol() -> None:
    found = [
        (path.name, parameter.lineno, annotation(parameter))
        for path in SOURCES
        for function in ast.walk(parsed(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for parameter in ast.walk(function.args)
        if isinstance(parameter, ast.arg) and parameter.arg == "ctx"
    ]

    assert {name for *_, name in found} >= CONTEXTS
    assert [where for where in found if where[-1] not in CONTEXTS] == []


def annotation(parameter: ast.arg) -> str | None:
    return parameter.annotation and ast.unparse(parameter.annotation)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
