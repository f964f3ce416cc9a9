"""The shape of the project, read from its source: arrows point one way, and each power has one home."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("adapter", "rclone_conf")
_PURE = (
    "adapter.classify",
    "adapter.errors",
    "adapter.events",
    "adapter.logline",
    "adapter.notices",
    "adapter.output",
    "adapter.os_errors",
    "adapter.progress",
    "adapter.qingstor_error",
    "adapter.redact",
    "adapter.rules",
    "adapter.tally",
    "adapter.verdict",
)
"""Values in, values out: tested with literals, without a process, a file or a clock."""
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
    "name", [name for name in _SOURCES if not _is_cli(name) and name != "adapter.launch"]
)
def test_only_the_command_line_prints_asks_and_exits(name: str) -> None:
    """The launcher is a script of its own, whose end is an exec or an exit."""
    speaking = {"print", "input", "SystemExit", "quit", "exit", "os._exit"}
    speaking |= {f"sys.{power}" for power in _SPEAKING}
    assert not speaking & set(_uses(name))
    assert "rich" not in {module.split(".")[0] for module in _imports(name)}


@pytest.mark.parametrize("name", [name for name in _SOURCES if name != "adapter.process"])
def test_only_one_module_starts_processes(name: str) -> None:
    assert "subprocess" not in set(_imports(name))
    starting = {"os.system", "os.popen", "os.fork", "os.posix_spawn", "os.kill", "os.killpg"}
    assert not starting & set(_uses(name))
    if name != "adapter.launch":
        assert not [use for use in _uses(name) if use.startswith(("os.exec", "os.spawn"))]


@pytest.mark.parametrize("name", _PURE)
def test_pure_modules_touch_nothing_outside(name: str) -> None:
    assert not _EFFECTS & set(_imports(name))
    assert not {"open", "print", "input"} & set(_uses(name))


@pytest.mark.parametrize("name", _PURE)
def test_pure_modules_depend_on_pure_modules(name: str) -> None:
    ours = {module for module in _imports(name) if module.split(".")[0] in _PACKAGES}
    assert ours <= set(_PURE)


@pytest.mark.parametrize("path", [path for name, path in _SOURCES.items() if name.startswith("adapter.")])
def test_every_module_stands_in_the_architecture(path: Path) -> None:
    page = (_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert path.stem.startswith("__") or f"`{path.stem}`" in page


@pytest.mark.parametrize("name", list(_SOURCES))
def test_every_module_says_what_it_is(name: str) -> None:
    assert ast.get_docstring(_TREES[name])
