"""The arguments and options of `backup`, `restore`, `verify`, `cleanup` and `ls`."""

import argparse

from adapter.cli.option_values import (
    a_file_name,
    a_path,
    a_percentage,
    a_positive_number,
    an_age,
    an_amount_of_memory,
    checked,
)
from adapter.storage.job_values import (
    read_bwlimit,
    read_id,
    read_limit,
    read_pattern,
    read_transfers,
)
from adapter.transfer.overwrite import Overwrite


def add_backup_options(parser: argparse.ArgumentParser) -> None:
    """Add those of `backup`."""
    add = parser.add_argument
    add("source", nargs="?", type=checked(a_path), metavar="SOURCE", help="a local file or directory")
    add("target", nargs="?", metavar="TARGET", help="STORAGE:BUCKET[/PATH]")
    add("--create-bucket", action="store_true", help="create the bucket if it does not exist")
    share = "go on although another source's backups lie at the target; both are kept"
    add("--share", action="store_true", help=share)
    add("--allow-empty", action="store_true", help="succeed although the source has no file any more")
    _source_options(parser)
    present = "leave out directories that have a file of this name"
    add("--exclude-if-present", type=checked(a_file_name), metavar="FILE", help=present)
    add("--one-file-system", action="store_true", help="do not enter directories where others are mounted")
    listed = "back up only these paths below SOURCE, one in each line of FILE"
    add("--files-from", type=checked(a_path), metavar="FILE", help=listed)
    add("--verify", action="store_true", help="compare all files by checksum afterwards")
    add("--job", choices=["-"], help="read the job document from stdin, instead of SOURCE and TARGET")
    _transfer_options(parser)


_SOURCE_NAME = "what all backups of this source have in common (default: the plan's id, else its path)"


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    """Add those of `verify`."""
    add = parser.add_argument
    source = "a local file or directory; without it the bucket is compared with its newest backup"
    add("source", nargs="?", type=checked(a_path), metavar="SOURCE", help=source)
    add("target", metavar="TARGET", help="STORAGE:BUCKET[/PATH]")
    _at(parser)
    add("--download", action="store_true", help="download all files and compare their content")
    share = "download this share of the files, chosen at random, and compare their content"
    add("--sample", type=checked(a_percentage), metavar="PERCENT", help=share)
    _source_options(parser)
    _transfer_options(parser)


def _source_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--ignore-inode", action="store_true", help="compare size and modification time only, not the inode")
    add("--reread-source", action="store_true", help="read every file again, whatever the index says")
    add("--source-name", type=checked(read_id), metavar="NAME", help=_SOURCE_NAME)


def add_cleanup_options(parser: argparse.ArgumentParser) -> None:
    """Add those of `cleanup`."""
    add = parser.add_argument
    add("target", metavar="TARGET", help="STORAGE:BUCKET, or a path in it")
    unreferenced = "name the objects below TARGET that no backup needs, in place of unfinished uploads"
    add("--unreferenced", action="store_true", help=unreferenced)
    add("--yes", action="store_true", help="with --unreferenced: delete them")
    add(
        "--older-than",
        type=checked(an_age),
        default=24 * 3600.0,
        metavar="D",
        help="keep what was uploaded or begun less than this ago; 0 keeps nothing (default: 24h)",
    )
    add("--dry-run", action="store_true", help="name what would be removed, remove nothing")
    _id_options(parser)


def add_restore_options(parser: argparse.ArgumentParser) -> None:
    """Add those of `restore`."""
    parser.add_argument("target", metavar="TARGET", help="STORAGE:BUCKET[/PATH]")
    parser.add_argument("destination", type=checked(a_path), metavar="DEST", help="a local directory")
    parser.add_argument(
        "--overwrite",
        choices=[word.value for word in Overwrite],
        default=Overwrite.IF_CHANGED.value,
        help="when to overwrite a file that exists (default: %(default)s)",
    )
    _at(parser)
    add = parser.add_argument
    add("--no-metadata", action="store_true", help="restore neither modes nor modification times")
    add("--owner", action="store_true", help="restore owners and groups, too; needs root")
    _transfer_options(parser)


def add_ls_options(parser: argparse.ArgumentParser) -> None:
    """Add those of `ls`."""
    add = parser.add_argument
    add("target", metavar="TARGET", help="STORAGE:BUCKET[/PATH]")
    add("-R", "--recursive", action="store_true", help="list what is in directories, too")
    _at(parser)
    _pattern_options(parser)
    _id_options(parser)


def _at(parser: argparse.ArgumentParser) -> None:
    which = "the backup of this run (default: the newest); latest: the newest of several sources; bucket: "
    which += "whatever lies in the bucket"
    parser.add_argument("--at", type=checked(read_id), default="", metavar="RUN", help=which)


def _id_options(parser: argparse.ArgumentParser) -> None:
    for option, name in (("--plan-id", "planId"), ("--backup-id", "backupId")):
        text = f"add this as {name} to every event"
        parser.add_argument(option, type=checked(read_id), metavar="ID", help=text)


def _transfer_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dry-run", action="store_true", help="show what would be copied, copy nothing")
    _pattern_options(parser)
    add(
        "--bwlimit",
        type=checked(read_bwlimit),
        metavar="RATE",
        help="bandwidth limit in bytes/s, such as 10M, or an rclone timetable (default: off)",
    )
    add(
        "--max-duration",
        type=checked(read_limit),
        metavar="D",
        help="stop the run after this time, such as 6h or 90m (default: off)",
    )
    add(
        "--stall-timeout",
        type=checked(read_limit),
        default=600.0,
        metavar="D",
        help="stop rclone if nothing moves for this time; off for no limit (default: 10m)",
    )
    add(
        "--memory-budget",
        type=checked(an_amount_of_memory),
        default=512 << 20,
        metavar="SIZE",
        help="memory that rclone may use for large files, at least 128Mi (default: 512Mi)",
    )
    add("--transfers", type=checked(read_transfers), metavar="N", help="files to copy at the same time")
    _id_options(parser)
    add("--verbose-files", action="store_true", help="print a line for every file")
    add(
        "--progress-interval",
        type=checked(a_positive_number),
        default=1.0,
        metavar="S",
        help="least time between two statuses, in seconds (default: %(default)g)",
    )


def _pattern_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    for option in ("--include", "--exclude"):
        add(
            option,
            action="append",
            type=checked(read_pattern),
            default=[],
            metavar="PATTERN",
            help=f"{option[2:]} files that match, in rclone's filter syntax; repeatable",
        )
    add("--filter-from", type=checked(a_path), metavar="FILE", help="read rclone filter rules from FILE")
