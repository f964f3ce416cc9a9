"""The pages for people: every link leads to something in the tree, and every `make` command is a target."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = [*sorted(_ROOT.glob("*.md")), *sorted((_ROOT / "docs").glob("*.md"))]
_URLS = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
_HERE = re.compile(re.escape(_URLS["Repository"]) + r"/(?:blob|tree)/main/")
"""How a page names a file of this repository where relative links do not work, as on a package index."""
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def _name(page: Path) -> str:
    return str(page.relative_to(_ROOT))


def _prose(page: Path) -> str:
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page; a repeated heading gets a number."""
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in _HEADING.findall(_prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def _problem(page: Path, link: str) -> str | None:
    """What is wrong with a link into this tree; None for one that is right or leads elsewhere."""
    inside, ours = _HERE.subn("", link, count=1)
    if not ours and re.match(r"[a-z]+:", link):
        return None
    place, _, anchor = inside.partition("#")
    found = ((_ROOT if ours else page.parent) / place).resolve() if place else page
    if not found.is_relative_to(_ROOT) or not found.exists():
        return f"{link}: there is no such file"
    if anchor and (found.suffix != ".md" or anchor not in _anchors(found)):
        return f"{link}: there is no such heading"
    return None


def _make_targets(page: Path) -> Iterator[str]:
    """The targets of every `make …` in code, in a block or in a line; `make` alone is the program."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in _FENCED.findall(text) for line in block.splitlines()]
    for code in [*lines, *_CODE.findall(_prose(page))]:
        words = code.partition("#")[0].removeprefix("$ ").split()
        if words[:1] == ["make"]:
            yield from (word for word in words[1:] if "=" not in word)


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    problems = (_problem(page, link) for link in _LINK.findall(_CODE.sub("", _prose(page))))
    assert [problem for problem in problems if problem] == []


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_make_command_is_a_target(page: Path) -> None:
    targets = set(_TARGET.findall((_ROOT / "Makefile").read_text(encoding="utf-8")))
    assert set(_make_targets(page)) <= targets


def test_the_readme_has_no_relative_link() -> None:
    """A package index shows the page too, and has none of the files beside it."""
    links = _LINK.findall(_prose(_ROOT / "README.md"))
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


@pytest.mark.parametrize("url", _URLS.values())
def test_every_url_of_the_package_leads_somewhere(url: str) -> None:
    assert url.startswith("https://")
    assert _problem(_ROOT / "README.md", url) is None


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("docs/form.md#zone", None),
        ("#contributing", None),
        ("https://rclone.org/qingstor/", None),
        (f"{_URLS['Repository']}/blob/main/docs/form.md#zone", None),
        (f"{_URLS['Repository']}/blob/main/docs/none.md", "file"),
        ("docs/none.md", "file"),
        ("../outside.md", "file"),
        ("docs/form.md#none", "heading"),
        ("#none", "heading"),
        ("Makefile#setup", "heading"),
    ],
)
def test_a_wrong_link_is_found(link: str, wrong: str | None) -> None:
    problem = _problem(_ROOT / "CONTRIBUTING.md", link)
    assert problem == (wrong and f"{link}: there is no such {wrong}")
