"""`docs/glossary.md` and the code use the same words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "fiftyone_ntt"


def rows() -> Iterator[tuple[str, str, str, str]]:
    """The cells of every term's row."""
    for line in (CHECKOUT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| term "):
            term, meaning, code, others = (cell.strip() for cell in line.strip("|").split("|"))
            yield term, meaning, code, others


ROWS = list(rows())


def names_of(node: ast.AST) -> Iterator[str]:
    """What a node of a syntax tree names: a function, class, parameter or attribute."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr
    if isinstance(node, ast.ClassDef):
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                yield statement.target.id


def module_names(tree: ast.Module) -> Iterator[str]:
    """What a module names at its top level, types for instance."""
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        yield from (target.id for target in targets if isinstance(target, ast.Name))


@cache
def identifiers() -> frozenset[str]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    named = {name for tree in trees for node in ast.walk(tree) for name in names_of(node)}
    return frozenset(named.union(*map(module_names, trees)))


def words(text: str) -> str:
    """The words of an identifier or a term, each singular and in spaces: ` memory bank `."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)
    return "".join(f" {part.lower().removesuffix('s')}" for part in parts) + " "


@cache
def names_by_words() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(identifiers()):
        found.setdefault(words(name), []).append(name)
    return found


def named_so(term: str) -> list[str]:
    """Identifiers that contain a term's words, one after the other."""
    return [name for key, names in names_by_words().items() if words(term) in key for name in names]


def test_every_term_has_a_meaning_and_is_listed_once() -> None:
    terms = [term for term, *_ in ROWS]
    assert len(terms) >= 30
    assert len(set(terms)) == len(terms)
    assert all(meaning and others for _, meaning, _, others in ROWS)


@pytest.mark.parametrize(("term", "code"), [(row[0], row[2]) for row in ROWS])
def test_what_a_term_is_in_code_exists(term: str, code: str) -> None:
    named = re.findall(r"`(\w+)`", code)
    assert named and set(named) <= identifiers()


@pytest.mark.parametrize(("term", "others"), [(row[0], row[3]) for row in ROWS])
def test_nothing_has_the_name_that_a_term_is_not_called(term: str, others: str) -> None:
    plain = re.sub(r"\(.*?\)", "", others)
    for other in plain.split(","):
        assert words(other).strip()
        assert named_so(other) == []


def test_words_are_found_in_identifiers() -> None:
    assert {"MemoryBank", "load_memory_bank", "MemoryBankPanel"} <= set(named_so("memory bank"))
    assert {"ProposalStore", "proposals"} <= set(named_so("proposal"))
    assert named_so("memory encoder") == []
