"""rclone's command line is read as rclone reads it."""

import pytest

from adapter.stand_in import rclone_flags
from adapter.stand_in.command_line import parse
from adapter.stand_in.rclone_flags import CONNECTION_FLAGS, PATH_FLAGS
from tests.stand_in.rclone_help import Help, Known


def _read(*words: str) -> tuple[str, list[str], dict[str, str | None]]:
    line = parse(words)
    return line.command, [words[index] for index in line.arguments], {f.name: f.value for f in line.flags}


@pytest.mark.parametrize(
    ("words", "command", "arguments", "flags"),
    [
        ((), "", [], {}),
        (("lsd", "q:"), "lsd", ["q:"], {}),
        (("-vP", "copy", "a", "q:b"), "copy", ["a", "q:b"], {"v": None, "P": None}),
        (("copy", "a", "q:b", "--transfers", "4"), "copy", ["a", "q:b"], {"transfers": "4"}),
        (("copy", "--transfers=4", "a", "q:b"), "copy", ["a", "q:b"], {"transfers": "4"}),
        (("copy", "--backup-dir", "q:old", "a", "q:b"), "copy", ["a", "q:b"], {"backup-dir": "q:old"}),
        (("copy", "--checksum=false", "a", "q:b"), "copy", ["a", "q:b"], {"checksum": "false"}),
        (("copy", "--", "--odd", "q:b"), "copy", ["--odd", "q:b"], {}),
        (("lsf", "-Fps", "q:b", "-R"), "lsf", ["q:b"], {"F": "ps", "R": None}),
        (("lsf", "-F", "ps", "q:b"), "lsf", ["q:b"], {"F": "ps"}),
        (("lsf", "-RF=ps", "q:b"), "lsf", ["q:b"], {"R": None, "F": "ps"}),
        (("serve", "restic", "--stdio", "q:b"), "serve restic", ["q:b"], {"stdio": None}),
        (("serve", "--stdio", "restic", "q:b"), "serve restic", ["q:b"], {"stdio": None}),
        (("--config", "c", "config", "show", "q"), "config show", ["q"], {"config": "c"}),
        (("rcat", "--size", "5", "q:b/f"), "rcat", ["q:b/f"], {"size": "5"}),
        (("tree", "--size", "q:b"), "tree", ["q:b"], {"size": None}),
        (("lsjson", "--hash", "q:b"), "lsjson", ["q:b"], {"hash": None}),
        (("lsd", "q:", "--config"), "lsd", ["q:"], {"config": None}),
        (("copy", "-", "q:b"), "copy", ["-", "q:b"], {}),
    ],
)
def test_words_are_read(
    words: tuple[str, ...], command: str, arguments: list[str], flags: dict[str, str | None]
) -> None:
    assert _read(*words) == (command, arguments, flags)


def test_the_last_of_a_repeated_flag_counts() -> None:
    line = parse(("lsd", "--config", "one", "q:", "--config=two", "--stdio", "--stdio=false"))
    assert (line.value("config"), line.value("absent"), line.has("stdio")) == ("two", None, False)
    assert line.words_of(frozenset({"config"})) == ("--config", "one", "--config=two")


def test_every_flag_of_every_command_is_read_as_rclone_reads_it(rclone_help: Help) -> None:
    """Behind the command and behind its argument, joined and not: both stay what they are."""
    wrong = []
    for command, own in rclone_help.commands.items():
        if command in rclone_flags.WITH_SUBCOMMANDS or command.startswith("config encryption"):
            continue  # does nothing by itself, or takes no argument
        for flag in (*own, *(rclone_help.everywhere if command == "copy" else ())):
            for words in _spellings(command, flag):
                name, arguments, flags = _read(*words)
                if (name, arguments, len(flags)) != (command, ["q:bucket"], 1):
                    wrong.append((words, name, arguments, flags))
    assert wrong == []


def _spellings(command: str, flag: Known) -> list[tuple[str, ...]]:
    name = tuple(command.split())
    words = [f"--{flag.name}"] + ([f"-{flag.short}"] if flag.short else [])
    values = ["value"] if flag.takes_value else []
    alone = [(word, *values) for word in words]
    joined = [(f"--{flag.name}={'value' if flag.takes_value else 'true'}",)]
    behind = [(*name, *spelled, "q:bucket") for spelled in alone + joined]
    return behind + [(*name, "q:bucket", *spelled) for spelled in alone + joined]


def test_the_commands_and_flags_that_are_named_exist(rclone_help: Help) -> None:
    commands = {*rclone_help.commands, *(name.split()[0] for name in rclone_help.commands)}
    gone = {"genautocomplete", "reveal", "help"}  # of other versions, hidden, or without a page
    named = rclone_flags.WITHOUT_REMOTE | rclone_flags.OPENS_LATER | rclone_flags.WRITES_TO_LAST
    assert named | rclone_flags.SINGLE_FILE.keys() | rclone_flags.OTHERWISE.keys() <= commands | gone
    with_more = {name.split()[0] for name in rclone_help.commands if " " in name}
    assert with_more | {"help"} == rclone_flags.WITH_SUBCOMMANDS
    flags = {flag.name for flag in rclone_help.everywhere}
    assert flags >= CONNECTION_FLAGS | PATH_FLAGS
