"""The shape of the project, read from its source: arrows point one way, and each power has one home."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
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


def _imports(name: str) -> Iterator[str]:
    """Every module that a module imports, wherever in it."""
    for node in ast.walk(_TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner in _SOURCES else module


def _uses(name: str) -> Iterator[str]:
    """Names and dotted names in a module's code, such as `print` and `sys.stdout`."""
    for node in ast.walk(_TREES[name]):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def _folder(name: str) -> str:
    """The folder of a module of the adapter; of any other its package."""
    package, *inside = name.split(".")
    return inside[0] if package == "adapter" and inside else package


_PURE = [name for name in _SOURCES if _folder(name) in {"contract", "diagnosis"}]


def _is_cli(name: str) -> bool:
    return name == "adapter.__main__" or name.split(".")[:2] == ["adapter", "cli"]


def test_no_module_depends_on_itself_in_a_circle() -> None:
    graph = {name: {module for module in _imports(name) if module in _SOURCES} - {name} for name in _SOURCES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("name", [name for name in _SOURCES if name.startswith("rclone_conf")])
def test_rclone_conf_knows_nothing_of_the_adapter(name: str) -> None:
    used = {module.split(".")[0] for module in _imports(name)}
    assert not used & {"adapter", "pydantic", "rich"}


@pytest.mark.parametrize("name", [name for name in _SOURCES if not _is_cli(name)])
def test_only_the_command_line_is_imported_by_nobody_below(name: str) -> None:
    assert not [module for module in _imports(name) if _is_cli(module)]


@pytest.mark.parametrize(
    "name", [name for name in _SOURCES if not _is_cli(name) and name != "adapter.machine.launch"]
)
def test_only_the_command_line_prints_asks_and_exits(name: str) -> None:
    """The launcher is a script of its own, whose end is an exec or an exit."""
    speaking = {"print", "input", "SystemExit", "quit", "exit", "os._exit"}
    speaking |= {f"sys.{power}" for power in _SPEAKING}
    assert not speaking & set(_uses(name))
    assert "rich" not in {module.split(".")[0] for module in _imports(name)}


@pytest.mark.parametrize("name", [name for name in _SOURCES if name != "adapter.machine.child"])
def test_only_one_module_starts_processes(name: str) -> None:
    assert "subprocess" not in set(_imports(name))
    starting = {"os.system", "os.popen", "os.fork", "os.posix_spawn", "os.kill", "os.killpg"}
    assert not starting & set(_uses(name))
    if name != "adapter.machine.launch":
        assert not [use for use in _uses(name) if use.startswith(("os.exec", "os.spawn"))]


@pytest.mark.parametrize("name", _PURE)
def test_pure_modules_touch_nothing_outside(name: str) -> None:
    assert not _EFFECTS & set(_imports(name))
    assert not {"open", "print", "input"} & set(_uses(name))


def test_only_folders_lie_in_the_adapter() -> None:
    """Beside them only what Python itself looks for there."""
    there = {path.name for path in (_ROOT / "adapter").iterdir() if path.name != "__pycache__"}
    assert there == {*_FOLDERS, "__init__.py", "__main__.py", "py.typed"}


@pytest.mark.parametrize("folder", _FOLDERS.values(), ids=lambda folder: folder.name)
def test_a_folder_imports_only_what_its_row_names(folder: Folder) -> None:
    inside = [name for name in _SOURCES if _folder(name) == folder.name]
    ours = {_folder(module) for name in inside for module in _imports(name) if module in _SOURCES}
    assert ours - {folder.name} <= folder.may_import


@pytest.mark.parametrize("folder", _FOLDERS.values(), ids=lambda folder: folder.name)
def test_a_folder_says_what_its_row_says(folder: Folder) -> None:
    said = ast.get_docstring(_TREES[f"adapter.{folder.name}"]) or ""
    assert said.splitlines()[0] == folder.sentence


@pytest.mark.parametrize("folder", _FOLDERS.values(), ids=lambda folder: folder.name)
def test_the_tests_have_the_same_folders(folder: Folder) -> None:
    assert list((_ROOT / "tests" / folder.name).glob("test_*.py"))


def test_no_folder_depends_on_itself_in_a_circle() -> None:
    try:
        TopologicalSorter({folder.name: folder.may_import for folder in _FOLDERS.values()}).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("path", list(_SOURCES.values()), ids=str)
def test_no_module_holds_more_than_one_idea(path: Path) -> None:
    """A module is 60 to 250 lines; what is longer is a table, or two modules."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [path for name, path in _SOURCES.items() if name.startswith("adapter.")])
def test_every_module_stands_in_the_architecture(path: Path) -> None:
    assert path.stem.startswith("__") or f"`{path.stem}`" in _PAGE


@pytest.mark.parametrize("name", list(_SOURCES))
def test_every_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(_TREES[name])
