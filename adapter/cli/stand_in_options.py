"""The arguments of the `stand-in` commands."""

import argparse

from adapter.cli.option_values import a_path, an_endpoint, checked, path_or_blank


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Add the argument of all of them."""
    parser.add_argument(
        "directory",
        type=checked(a_path),
        metavar="DIR",
        help="the directory in which Pluton, restic or another program looks for rclone",
    )


def add_install_options(parser: argparse.ArgumentParser) -> None:
    """Add DIR and the options that are remembered beside the program."""
    add_directory(parser)
    add = parser.add_argument_group("remembered beside the program; a blank value is forgotten").add_argument
    add(
        "--endpoint", type=checked(an_endpoint), metavar="URL", help="for new storages: Pluton passes none on"
    )
    add("--key-file", type=checked(path_or_blank), metavar="PATH", help="QingStor's key file, for env_auth")
    creates = "create a bucket that does not exist, as rclone does"
    add("--create-bucket", action="store_true", default=None, help=creates)
    add("--no-create-bucket", dest="create_bucket", action="store_false", default=None, help="refuse instead")
    parser.epilog = "--state-dir is remembered too. --rclone is used only if DIR has no rclone."
