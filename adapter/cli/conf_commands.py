"""The `conf` commands; `storage.conf_admin` does the work."""

from adapter.cli.context import Command, Context
from adapter.cli.labels import with_label
from adapter.cli.parser import usage_error
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.json_lines import Answer, FailedWithData
from adapter.storage.conf_admin import clear_text_copies, find_problems, is_serious, plan_repair, repair, show
from adapter.storage.conf_errors import no_file, translated
from rclone_conf import ConfFile, Problem


def _path(context: Context) -> Answer:
    """Return which file is read and written."""
    path = str(context.settings.conf_path)
    return Answer(path, {"path": path})


def _show(context: Context) -> Answer:
    """Return the sections with secrets masked and each option explained.

    Raises AdapterError `storage_not_found`.
    """
    with translated():
        loaded = _conf(context).load()
        sections = show(loaded.document, encrypted=loaded.encrypted)
    name = context.arguments.name
    if name is not None:
        sections = tuple(section for section in sections if section.name == name)
        if not sections:
            raise AdapterError(
                Failure(
                    ErrorCode.STORAGE_NOT_FOUND,
                    f"There is no section {name!r} in {context.settings.conf_path}.",
                    "`conf show` without a name shows all sections.",
                    field="name",
                )
            )
    if not loaded.exists:
        return Answer(no_file(context.settings.conf_path), {"sections": []})
    lines: list[str] = []
    for section in sections:
        lines += [*([""] if lines else []), f"[{section.name}]"]
        width = max((len(option.name) for option in section.options), default=0)
        for option in section.options:
            value = option.value if option.is_set else f"({option.value or 'blank'})"
            lines.append(f"  {option.name:<{width}} = {value:<24}  {option.effect}".rstrip())
        lines += [f"  advice  {with_label(one.message, one.field)} [{one.code}]" for one in section.advice]
        if section.error:
            lines.append(f"  error   {section.error}")
    return Answer(
        f"{_count(len(sections), 'section')} in {context.settings.conf_path}; a value in brackets is "
        "rclone's default.",
        {"sections": [section.as_dict() for section in sections]},
        lines,
    )


def _check(context: Context) -> Answer:
    """Return the problems of the whole file.

    Raises FailedWithData if one of them breaks or endangers something.
    """
    path = context.settings.conf_path
    conf = _conf(context)
    with translated():
        stored = conf.stored()
        found = find_problems(conf, stored)
    if stored.data is None:
        return Answer(no_file(path), {"problems": []})
    data = {"problems": [problem_as_dict(problem) for problem in found]}
    lines = [_line(problem) for problem in found]
    serious = [problem for problem in found if is_serious(problem)]
    if not serious:
        notes = f" ({_count(len(found), 'note')})" if found else ""
        return Answer(f"{path} is fine{notes}.", data, lines)
    repairable = any(problem.repairable for problem in serious)
    failure = Failure(
        ErrorCode.CONF_UNREADABLE,
        f"{path} has {_count(len(serious), 'problem')}, the first: {_line(serious[0])}.",
        "`conf repair --dry-run` shows what it would change." if repairable else "Edit the file by hand.",
    )
    raise FailedWithData(failure, data, lines)


def _repair(context: Context) -> Answer:
    """Repair what can be repaired; without `--yes` only show it."""
    conf = _conf(context)
    with translated():
        stored = conf.stored()
        found = [problem for problem in find_problems(conf, stored) if problem.repairable]
        diff = plan_repair(conf.clear_text(stored)) if found else ""
        data: dict[str, object] = {"problems": [problem_as_dict(problem) for problem in found], "diff": diff}
        lines = [*(_line(problem) for problem in found), *diff.split("\n")]
        if stored.data is None:
            return Answer(no_file(conf.path), data)
        if not found:
            return Answer(f"There is nothing to repair in {conf.path}.", data)
        if context.arguments.dry_run or not context.arguments.yes:
            return Answer(f"{conf.path} can be repaired with --yes:", data, lines)
        copy = repair(conf)
    return Answer(
        f"Repaired {conf.path}; a copy of the old file is {copy}.", {**data, "copy": str(copy)}, lines
    )


def _encrypt(context: Context) -> Answer:
    """Encrypt the file in rclone's own format, or change its password."""
    conf = _conf(context)
    settings = context.settings
    with translated():
        encrypted = conf.load().encrypted
    password = None if encrypted else settings.environ.get("RCLONE_CONFIG_PASS")
    password = password or settings.ask_new_password()
    if not password:
        raise usage_error(
            "No new password was given.",
            "Run this on a terminal; if the file is not encrypted yet, $RCLONE_CONFIG_PASS works too.",
        )
    with translated():
        conf.encrypt(password)
    done = "has a new password" if encrypted else "is encrypted now"
    copies = ", ".join(str(path) for path in clear_text_copies(conf))
    left = f" Copies in clear text, with the keys, are left in {copies}: remove them." if copies else ""
    return Answer(
        f"{conf.path} {done}. Every program that uses it needs $RCLONE_CONFIG_PASS.{left}",
        {"encrypted": True},
    )


def _decrypt(context: Context) -> Answer:
    """Store the file in clear text."""
    conf = _conf(context)
    with translated():
        if conf.stored().data is None:
            raise AdapterError(
                Failure(
                    ErrorCode.CONF_UNREADABLE,
                    f"There is no {conf.path} to decrypt.",
                    "`conf path` shows which file is used; choose another with --config.",
                )
            )
        conf.decrypt()
    return Answer(f"{conf.path} is in clear text now, readable by its owner only.", {"encrypted": False})


def _conf(context: Context) -> ConfFile:
    return ConfFile(context.settings.conf_path, context.settings.ask_password)


def problem_as_dict(problem: Problem) -> dict[str, object]:
    """Return an entry of `problems` (contract, section 3)."""
    return {
        "section": problem.section,
        "line": problem.line,
        "code": problem.code,
        "message": problem.message,
        "repairable": problem.repairable,
    }


def _line(problem: Problem) -> str:
    where = f"line {problem.line}, " if problem.line else ""
    section = f"[{problem.section}] " if problem.section else ""
    note = " (repairable)" if problem.repairable else ""
    return f"{where}{section}{problem.message} [{problem.code}]{note}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


COMMANDS: dict[str, Command] = {
    "path": _path,
    "show": _show,
    "check": _check,
    "repair": _repair,
    "encrypt": _encrypt,
    "decrypt": _decrypt,
}
