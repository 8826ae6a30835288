"""The package is what `docs/architecture.md` says: rooms, one way between them, no circles."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
NAME = "fiftyone_ntt"
PAGE = CHECKOUT / "docs" / "architecture.md"
FREE = {"errors", "lazy_names"}
"""Modules beside the rooms that every room may import."""
API = "fiftyone_ntt"
"""In the table, the public names of the package itself."""

Graph = Mapping[str, set[str]]


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def declared_rooms(page: str) -> dict[str, set[str]]:
    """What each room may import, as the page says."""
    return {code(row[0])[0]: set(code(row[2])) for row in table(page, "Rooms")}


def modules(package: Path) -> dict[str, Path]:
    """Dotted names, without the package's, of all its files; `fiftyone_ntt` is its `__init__`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(parts) or API] = path
    return found


def room_of(module: str, path: Path, package: Path) -> str:
    """The folder a module lies in; `.` beside the rooms, and the public API is one of its own."""
    if module == API:
        return API
    return path.parent.relative_to(package).as_posix()


def imported(path: Path, known: Mapping[str, Path], package: Path) -> Iterator[str]:
    """The package's modules that a file imports, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == package.name:
                yield longest_known(name.partition(".")[2], known)


def longest_known(name: str, known: Mapping[str, Path]) -> str:
    """The module that `a.b.Name` is taken from: `a.b`, or the package itself."""
    parts = name.split(".") if name else []
    while parts and ".".join(parts) not in known:
        parts.pop()
    return ".".join(parts) or API


@cache
def import_graph(package: Path) -> Graph:
    known = modules(package)
    return {
        module: set(imported(path, known, package)) - {module} for module, path in known.items()
    }


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules each of which reaches all the others."""
    reach = {module: reachable(graph, module) for module in graph}
    groups = {
        tuple(sorted(other for other in reach[module] if module in reach[other]))
        for module in graph
        if module in reach[module]
    }
    return [list(group) for group in sorted(groups)]


def reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for module in graph[waiting.pop()] - found:
            found.add(module)
            waiting.append(module)
    return found


def trespasses(package: Path, allowed: Mapping[str, Iterable[str]]) -> list[str]:
    """Imports from a room to another that the page does not allow."""
    known, found = modules(package), []
    for module, targets in import_graph(package).items():
        room = room_of(module, known[module], package)
        for target in targets:
            other = room_of(target, known[target], package)
            if other != room and target not in FREE and other not in allowed.get(room, ()):
                found.append(f"{module} -> {target}")
    return found


def repeated_names(package: Path) -> list[str]:
    names = Counter(path.name for path in package.rglob("*.py") if path.name != "__init__.py")
    return [name for name, count in names.items() if count > 1]


PACKAGE = CHECKOUT / NAME
ALLOWED = declared_rooms(PAGE.read_text(encoding="utf-8")) | {API: set()}


def test_rooms_import_what_the_page_allows_and_nothing_else() -> None:
    assert trespasses(PACKAGE, ALLOWED) == []


def test_every_room_is_on_the_page_and_every_room_on_the_page_exists() -> None:
    rooms = {room_of(m, path, PACKAGE) for m, path in modules(PACKAGE).items() if m != API}
    assert rooms == set(ALLOWED) - {API}


def test_what_the_page_allows_is_one_way() -> None:
    assert circles({room: others & set(ALLOWED) for room, others in ALLOWED.items()}) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles(import_graph(PACKAGE)) == []


def test_no_file_name_occurs_twice() -> None:
    assert repeated_names(PACKAGE) == []


def test_imports_are_absolute() -> None:
    """Relative ones would be missed here; stubs have them, because their reader wants them."""
    relative = [
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("row", table(PAGE.read_text(), "Where is it, where does it go?"))
def test_the_page_s_answers_exist(row: list[str]) -> None:
    files, names = code(row[1]), code(row[2])
    assert len(files) == len(names) > 0
    for file, name in zip(files, names, strict=True):
        assert name in defined(PACKAGE / file)


def defined(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(ast.unparse(target) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
    return names


PLANTED_ROOMS: dict[str, set[str]] = {".": set(), "low": set(), "high": {"low"}}
"""Of a package made to show that each rule finds what breaks it."""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "__init__": "",
        "errors": "",
        "low/__init__": "",
        "low/base": "from fiftyone_ntt.errors import Problem",
        "high/__init__": "",
        "high/top": "from fiftyone_ntt.low.base import thing",
    }
    package = tmp_path / NAME
    for name, content in files.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return package


def test_nothing_is_wrong_with_it(package: Path) -> None:
    assert trespasses(package, PLANTED_ROOMS) == []
    assert circles(import_graph(package)) == []
    assert repeated_names(package) == []


@pytest.mark.parametrize(
    "statement",
    [
        "from fiftyone_ntt.high.top import x",
        "import fiftyone_ntt.high.top",
        "from fiftyone_ntt.high import top",
        "def f():\n    from fiftyone_ntt.high.top import x",
        "if TYPE_CHECKING:\n    from fiftyone_ntt.high.top import x",
        "from fiftyone_ntt import segment",
    ],
)
def test_an_import_the_wrong_way(package: Path, statement: str) -> None:
    (package / "low" / "extra.py").write_text(statement)
    assert [t.split(" ")[0] for t in trespasses(package, PLANTED_ROOMS)] == ["low.extra"]


def test_a_circle_of_files(package: Path) -> None:
    (package / "low" / "one.py").write_text("from fiftyone_ntt.low import two")
    (package / "low" / "two.py").write_text("def f():\n    from fiftyone_ntt.low.three import x")
    (package / "low" / "three.py").write_text("from fiftyone_ntt.low.one import x")
    assert circles(import_graph(package)) == [["low.one", "low.three", "low.two"]]


def test_a_file_name_twice(package: Path) -> None:
    (package / "high" / "base.py").write_text("")
    assert repeated_names(package) == ["base.py"]


def test_a_circle_of_rooms_on_the_page() -> None:
    allowed: dict[str, set[str]] = defaultdict(set, {"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert circles(allowed) == [["a", "b", "c"]]
