"""Patterns mean what they mean in rclone and in restic, and what cannot be read exactly is refused."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.files.glob import PatternProblem, glob_regex
from adapter.files.pattern_groups import Subject
from adapter.files.patterns import Dialect, Patterns
from tests.storage.examples import DEEP

_NAMES = ("a", "b", "ab", "a.txt", "b.txt", "x y", "[c]", "{d}", "é", "A")
_TREES = st.lists(
    st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4).map("/".join), min_size=1, max_size=25
)
_PIECES = st.sampled_from(
    [
        *("a", "b", "ab", ".txt", "x y", "é", "*", "**", "?", "/", "[ab]", "[^a]", "[!a]", "[a-b]", "{a,b}"),
        *(
            "{a/b,b}",
            "{**,x}",
            r"\[c\]",
            r"\{d\}",
            "{{a|b}}",
            "{{.*}}",
            "{{[ab]+}}",
            ".",
            "+",
            "(a)",
            "^",
            "$",
        ),
        *("[", "{", "}", "\\", "***", "{{(?i)a}}", "{a{b,c}}"),
    ]
)
_PATTERNS = st.builds(
    lambda anchor, pieces, slash: anchor + "".join(pieces) + slash,
    st.sampled_from(["", "", "/"]),
    st.lists(_PIECES, min_size=1, max_size=4),
    st.sampled_from(["", "", "", "/"]),
).filter(lambda pattern: pattern == pattern.strip())
_RULES = st.lists(
    st.builds(lambda sign, pattern: f"{sign} {pattern}", st.sampled_from("+-"), _PATTERNS),
    min_size=1,
    max_size=5,
)


def _kept(patterns: Patterns, files: Iterable[str], root: str = "/root") -> set[str]:
    """What a walk with these patterns finds of the files."""

    def subject(name: str) -> Subject:
        return Subject(name, name, f"{root}/{name}")

    def enters(directory: str) -> bool:
        if not directory:
            return True
        return enters(directory.rpartition("/")[0]) and patterns.enters(subject(directory))

    return {name for name in files if enters(name.rpartition("/")[0]) and patterns.keeps_file(subject(name))}


@settings(max_examples=2_500 if DEEP else 40)  # each starts an rclone
@given(_TREES, st.builds(lambda rules, rest: [*rules, *rest], _RULES, st.sampled_from([[], ["- **"]])))
def test_rules_let_through_what_rclone_lets_through(
    rclone: Path, tmp_path_factory: pytest.TempPathFactory, tree: list[str], rules: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for name in tree:
        path = root / "source" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        except OSError:
            continue  # a name that is a directory already
    (root / "rules").write_text("".join(f"{rule}\n" for rule in rules))
    listed = subprocess.run(
        [rclone, "--config", "", "lsf", "-R", "--files-only", ".", "--filter-from", root / "rules"],
        cwd=root / "source",
        capture_output=True,
        check=False,
    )
    patterns = Patterns()
    try:
        patterns.add_rules(rules)
    except AdapterError:
        return
    assert listed.returncode == 0, (rules, listed.stderr[-300:])
    files = [
        str(path.relative_to(root / "source")) for path in (root / "source").rglob("*") if path.is_file()
    ]
    assert _kept(patterns, files) == set(os.fsdecode(listed.stdout).splitlines())


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a***b", "more than two stars"),
        ("[ab", "without its end"),
        ("ab]", "without its beginning"),
        ("{a,b", "without its end"),
        ("a}", "without its beginning"),
        ("{a,{b,c}}", "braces inside braces"),
        ("[]", "class in brackets"),
        ("[[:alpha:]]", "class in brackets"),
        ("[b-a]", "wrong way round"),
        ("a\\", "ends with a backslash"),
        (r"\d", "regular expressions"),
        ("{{a", "without its end"),
        ("{{(?i)a}}", "may mean another thing"),
        ("{{a++}}", "may mean another thing"),
        (r"{{\pL}}", "may mean another thing"),
        (r"{{\Qa\E}}", "may mean another thing"),
        ("{{a**}}", "may mean another thing"),
    ],
)
def test_what_cannot_be_meant_exactly_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(PatternProblem, match=why):
        glob_regex(pattern)
    patterns = Patterns()
    with pytest.raises(AdapterError) as caught:
        patterns.exclude([pattern], Dialect.RCLONE)
    assert caught.value.failure.code is ErrorCode.USAGE
    assert pattern in caught.value.failure.message


_FILES = (
    "a.txt",
    "cache/a.txt",
    "src/cache/b.txt",
    "src/x/cache",
    "src/x/y/z.c",
    "keep/cache/k.txt",
    "src/cachet",
)


@pytest.mark.parametrize(
    ("excludes", "left"),
    [
        # restic's documentation on excluding files, one line for each of its rules
        (["cache"], {"a.txt", "src/x/y/z.c", "src/cachet"}),
        (["*.txt"], {"src/x/cache", "src/x/y/z.c", "src/cachet"}),
        (["src/cache"], set(_FILES) - {"src/cache/b.txt"}),
        (["x/*/z.c"], set(_FILES) - {"src/x/y/z.c"}),
        (["src/**/*.c"], set(_FILES) - {"src/x/y/z.c"}),
        (["**/y"], set(_FILES) - {"src/x/y/z.c"}),
        (["/root/src"], {"a.txt", "cache/a.txt", "keep/cache/k.txt"}),
        (["/root/*/cache"], {"a.txt", "cache/a.txt", "src/x/cache", "src/x/y/z.c", "src/cachet"}),
        (["/other/src"], set(_FILES)),
        (["/root"], set()),
        (["cache?"], set(_FILES) - {"src/cachet"}),
        (["[ab].txt"], set(_FILES) - {"a.txt", "cache/a.txt", "src/cache/b.txt"}),
        (["[^a].txt"], set(_FILES) - {"src/cache/b.txt", "keep/cache/k.txt"}),
        (["cache/"], {"a.txt", "src/x/y/z.c", "src/cachet"}),
        (["*.txt", "!k.txt"], {"src/x/cache", "src/x/y/z.c", "keep/cache/k.txt", "src/cachet"}),
        (["!k.txt", "*.txt"], {"src/x/cache", "src/x/y/z.c", "src/cachet"}),
        (["**"], set()),
    ],
)
def test_excludes_of_a_job_are_restics(excludes: list[str], left: set[str]) -> None:
    patterns = Patterns()
    patterns.exclude(excludes, Dialect.RESTIC)
    assert _kept(patterns, _FILES) == left


@pytest.mark.parametrize(
    ("includes", "left"),
    [
        (["cache"], {"cache/a.txt", "src/cache/b.txt", "src/x/cache", "keep/cache/k.txt"}),
        (["*.c", "a.txt"], {"a.txt", "cache/a.txt", "src/x/y/z.c"}),
        (["src/x"], {"src/x/cache", "src/x/y/z.c"}),
        (["nothing"], set()),
    ],
)
def test_includes_of_a_job_are_restics_and_leave_out_the_rest(includes: list[str], left: set[str]) -> None:
    patterns = Patterns()
    patterns.include(includes, Dialect.RESTIC)
    patterns.finish()
    assert _kept(patterns, _FILES) == left


def test_the_first_that_matches_decides_and_what_decided_nothing_is_known() -> None:
    patterns = Patterns()
    patterns.exclude(["/cache/**", "*.none"], Dialect.RCLONE)
    patterns.exclude(["x"], Dialect.RESTIC)
    patterns.include(["*.txt"], Dialect.RCLONE)
    patterns.finish()
    assert _kept(patterns, _FILES) == {"a.txt", "src/cache/b.txt", "keep/cache/k.txt"}
    assert patterns.unused == ("*.none",)


def test_many_patterns_that_stand_for_themselves_are_looked_up_together() -> None:
    patterns = Patterns()
    patterns.exclude((f"name-{number}" for number in range(50_000)), Dialect.RESTIC)
    patterns.exclude((f"/deep/name-{number}" for number in range(50_000)), Dialect.RCLONE)
    files = [f"deep/name-{number}" for number in range(0, 60_000, 1000)]
    assert _kept(patterns, files) == {f"deep/name-{number}" for number in range(50_000, 60_000, 1000)}


@pytest.mark.parametrize("pattern", ["[a-", "[", "a[]", "x\\", "[b-a]"])
def test_a_pattern_that_restic_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(AdapterError) as caught:
        Patterns().exclude([pattern], Dialect.RESTIC)
    assert caught.value.failure.code is ErrorCode.USAGE
