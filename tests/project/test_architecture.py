"""The shape of the project, read from its source: arrows point one way, and each power has one home."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("adapter", "rclone_conf")
_PAGE = (_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Folder:
    """A row of the page's table of folders."""

    name: str
    sentence: str
    may_import: frozenset[str]


_FOLDERS = {
    row[1]: Folder(row[1], row[2], frozenset(word for word in row[3].split(", ") if word))
    for row in re.finditer(r"^\| `(\w+)` \| (.+\.) \| ?([\w, ]*?) ?\|$", _PAGE, re.MULTILINE)
}
_EFFECTS = frozenset(
    {
        *("asyncio", "io", "multiprocessing", "os", "pathlib", "select", "shutil", "signal", "socket"),
        *("subprocess", "sys", "tempfile", "threading", "time", "urllib.request"),
    }
)
_SPEAKING = frozenset({"stdin", "stdout", "stderr", "exit"})


def _name(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_SOURCES = {_name(path): path for package in _PACKAGES for path in sorted((_ROOT / package).rglob("*.py"))}
_TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in _SOURCES.items()}


@cache
def _imports(name: str) -> frozenset[str]:
    """Every module that a module imports, wherever in it."""
    return frozenset(_each_import(name))


@cache
def _uses(name: str) -> frozenset[str]:
    """Names and dotted names in a module's code, such as `print` and `sys.stdout`."""
    return frozenset(_each_use(name))


def _each_import(name: str) -> Iterator[str]:
    for node in ast.walk(_TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner in _SOURCES else module


def _each_use(name: str) -> Iterator[str]:
    for node in ast.walk(_TREES[name]):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def _folder(name: str) -> str:
    """The folder of a module of the adapter; of any other its package."""
    package, *inside = name.split(".")
    return inside[0] if package == "adapter" and inside else package


def _packages(name: str) -> set[str]:
    """The packages that a module imports from."""
    return {module.split(".")[0] for module in _imports(name)}


def _is_cli(name: str) -> bool:
    return name == "adapter.__main__" or name.split(".")[:2] == ["adapter", "cli"]


_BELOW = {name for name in _SOURCES if not _is_cli(name)}
"""All modules but those of the command line."""
_LAUNCHER = "adapter.machine.launch"
_BRIEF = "adapter.machine.brief_child"


def _found(offences: Mapping[str, AbstractSet[str]]) -> dict[str, AbstractSet[str]]:
    """Only the modules that have some."""
    return {name: found for name, found in offences.items() if found}


def _assert_no_circle(graph: Mapping[str, Iterable[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_no_module_depends_on_itself_in_a_circle() -> None:
    _assert_no_circle(
        {name: {module for module in _imports(name) if module in _SOURCES} - {name} for name in _SOURCES}
    )


def test_rclone_conf_knows_nothing_of_the_adapter() -> None:
    ours = {"adapter", "pydantic", "rich"}
    assert _found({name: ours & _packages(name) for name in _SOURCES if name.startswith("rclone_conf")}) == {}


def test_only_the_command_line_is_imported_by_nobody_below() -> None:
    assert _found({name: set(filter(_is_cli, _imports(name))) for name in _BELOW}) == {}


def test_only_the_command_line_prints_asks_and_exits() -> None:
    """The launcher is a script of its own, whose end is an exec or an exit, as is that of a fork."""
    speaking = {"print", "input", "SystemExit", "quit", "exit", "os._exit"}
    speaking |= {f"sys.{power}" for power in _SPEAKING}
    silent = _BELOW - {_LAUNCHER, _BRIEF}
    assert _found({name: speaking & _uses(name) | {"rich"} & _packages(name) for name in silent}) == {}


def test_only_two_modules_start_processes() -> None:
    """One that does it well, and one for the stand-in, that does it quickly."""
    starting = {"os.system", "os.popen", "os.fork", "os.posix_spawn", "os.kill", "os.killpg"}
    others = _SOURCES.keys() - {"adapter.machine.child", _BRIEF}
    assert _found({name: {"subprocess"} & _imports(name) for name in others}) == {}
    assert _found({name: starting & _uses(name) for name in others}) == {}
    becoming = {
        name: {use for use in _uses(name) if use.startswith(("os.exec", "os.spawn"))} for name in others
    }
    assert _found(becoming).keys() <= {_LAUNCHER}


def test_pure_modules_touch_nothing_outside() -> None:
    pure = [name for name in _SOURCES if _folder(name) in {"contract", "diagnosis"}]
    assert _found({name: _EFFECTS & _imports(name) for name in pure}) == {}
    assert _found({name: {"open", "print", "input"} & _uses(name) for name in pure}) == {}


def test_only_folders_lie_in_the_adapter() -> None:
    """Beside them only what Python itself looks for there."""
    there = {path.name for path in (_ROOT / "adapter").iterdir() if path.name != "__pycache__"}
    assert there == {*_FOLDERS, "__init__.py", "__main__.py", "py.typed"}


def test_a_folder_imports_only_what_its_row_names() -> None:
    imported: dict[str, set[str]] = {}
    for name in _SOURCES:
        modules = {_folder(module) for module in _imports(name) if module in _SOURCES}
        imported.setdefault(_folder(name), set()).update(modules)
    allowed = {name: folder.may_import | {name} for name, folder in _FOLDERS.items()}
    assert _found({name: imported[name] - may for name, may in allowed.items()}) == {}


def test_a_folder_says_what_its_row_says() -> None:
    said = {name: ast.get_docstring(_TREES[f"adapter.{name}"]) or "" for name in _FOLDERS}
    first = {name: text.partition("\n")[0] for name, text in said.items()}
    assert first == {name: folder.sentence for name, folder in _FOLDERS.items()}


def test_the_tests_have_the_same_folders() -> None:
    assert [name for name in _FOLDERS if not list((_ROOT / "tests" / name).glob("test_*.py"))] == []


def test_no_folder_depends_on_itself_in_a_circle() -> None:
    _assert_no_circle({folder.name: folder.may_import for folder in _FOLDERS.values()})


def test_no_module_holds_more_than_one_idea() -> None:
    """A module is 60 to 250 lines; what is longer is a table, or two modules."""
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in _SOURCES.items()}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_every_module_stands_in_the_architecture() -> None:
    stems = {path.stem for name, path in _SOURCES.items() if name.startswith("adapter.")}
    assert [stem for stem in stems if not stem.startswith("__") and f"`{stem}`" not in _PAGE] == []


def test_every_module_says_what_it_is() -> None:
    assert [name for name in _SOURCES if not ast.get_docstring(_TREES[name])] == []
