"""The `storage` commands: test, save, update, list, show, delete; usage is in a module of its own."""

import sys
from collections.abc import Callable, Mapping

from adapter.cli.advice_lines import advice_lines
from adapter.cli.context import Command, Context
from adapter.cli.parser import usage_error
from adapter.cli.prompt import read_stdin
from adapter.connection.report import Report
from adapter.contract.json_lines import Answer, FailedWithData
from adapter.storage.advice import advise
from adapter.storage.change import parse_change
from adapter.storage.conf_errors import no_file
from adapter.storage.form import StorageForm, parse_storage_document
from adapter.storage.saved import Saved, Storages
from rclone_conf import Edited
from rclone_conf.redaction import option_value


def _storage_test(context: Context) -> Answer:
    name = context.arguments.name
    if name is not None:
        form = Storages(context.settings).get(name)
    else:
        form = parse_storage_document(read_stdin("the storage document"))
    report = _tested(context, form)
    return Answer(f"The connection to {form.name!r} works.", report.data(), _stages_lines(report))


def _check_test_options(context: Context) -> None:
    arguments = context.arguments
    for option, is_given in (("--write", arguments.write), ("--bucket", arguments.bucket)):
        if arguments.no_test and is_given:
            raise usage_error(f"{option} cannot be used with --no-test.", "Leave out one of the two.")


def _storage_save(context: Context) -> Answer:
    arguments = context.arguments
    _check_test_options(context)
    form = parse_storage_document(read_stdin("the storage document"))
    storages = Storages(context.settings)
    if arguments.replace:
        storages.check_replaceable(form)
    else:
        storages.check_free(form.name)
    return _tested_and_written(context, form, "Saved", lambda: storages.save(form, replace=arguments.replace))


def _storage_update(context: Context) -> Answer:
    _check_test_options(context)
    change = parse_change(read_stdin("the partial storage document"), context.arguments.name)
    storages = Storages(context.settings)
    return _tested_and_written(context, storages.changed(change), "Updated", lambda: storages.update(change))


def _tested_and_written(
    context: Context, form: StorageForm, done: str, write: Callable[[], Edited]
) -> Answer:
    report = Report(form, advice=list(advise(form))) if context.arguments.no_test else _tested(context, form)
    edited = write()
    known = advise(form, encrypted=edited.encrypted)
    report.advice = [one for one in report.advice if one in known or one not in advise(form)]
    tightened = ""
    if edited.tightened_from is not None:
        tightened = f" Its mode was {edited.tightened_from:04o}; now only its owner can read it."
    return Answer(
        f"{done} {form.name!r} in {context.settings.conf_path}.{tightened}",
        report.data(),
        _stages_lines(report),
    )


def _storage_list(context: Context) -> Answer:
    known = Storages(context.settings)
    storages = known.all()
    if not known.has_file:
        return Answer(no_file(context.settings.conf_path), {"storages": []})
    rows = [storage_as_dict(saved) for saved in storages]
    width = max((len(saved.name) for saved in storages), default=0)
    lines = [f"{saved.name:<{width}}  {_where(saved)}" for saved in storages]
    count = f"{len(rows)} QingStor storage{'' if len(rows) == 1 else 's'}"
    return Answer(f"{count} in {context.settings.conf_path}.", {"storages": rows}, lines)


def _where(saved: Saved) -> str:
    if saved.form is None:
        return saved.failure.message if saved.failure else ""
    return f"{saved.form.zone:<8}  {saved.form.endpoint or saved.form.server}"


def storage_as_dict(saved: Saved) -> dict[str, object]:
    """Return an entry of `storages` (contract, section 3)."""
    form = saved.form
    return {
        "name": saved.name,
        "zone": form.zone if form else None,
        "endpoint": form.endpoint if form else None,
        "env_auth": form.env_auth if form else None,
        "advice": [one.as_dict() for one in saved.advice],
        "error": saved.failure.as_dict() if saved.failure else None,
    }


def _storage_show(context: Context) -> Answer:
    arguments = context.arguments
    form = Storages(context.settings).get(arguments.name)
    options = form.options()
    if arguments.reveal:
        if sys.stdout is None or not sys.stdout.isatty():
            raise usage_error(
                "--reveal shows keys on a terminal only.", "Run it on a terminal, without --json."
            )
        shown: Mapping[str, object] = options
    else:
        shown = {name: option_value(name, value) for name, value in options.items()}
    width = max(map(len, shown))
    lines = [f"{name:<{width}} = {value}" for name, value in shown.items()]
    return Answer(f"{form.name} in {context.settings.conf_path}:", {"storage": form.redacted()}, lines)


def _storage_delete(context: Context) -> Answer:
    name = context.arguments.name
    Storages(context.settings).delete(name)
    return Answer(f"Removed {name!r} from {context.settings.conf_path}. The bucket was not changed.")


def _storage_usage(context: Context) -> Answer:
    # Imported only now: listing storages needs none of it.
    from adapter.cli.usage_command import storage_usage  # noqa: PLC0415

    return storage_usage(context)


def _tested(context: Context, form: StorageForm) -> Report:
    arguments = context.arguments
    if arguments.write and not arguments.bucket:
        raise usage_error("--write needs a bucket.", "Name it with --bucket.")
    # Imported only now: listing storages needs none of it.
    from adapter.connection.stages import try_connection  # noqa: PLC0415

    report = try_connection(
        form,
        context.settings,
        context.cancel,
        bucket=arguments.bucket,
        write=arguments.write,
        # Counted from the start of the program, but loading must not use up a short time-out.
        timeout_s=arguments.timeout - min(context.loading_s, arguments.timeout / 2),
    )
    if report.failure is not None:
        raise FailedWithData(report.failure, report.data(), _stages_lines(report))
    return report


def _stages_lines(report: Report) -> list[str]:
    stages = [
        f"{'ok' if stage.ok else 'FAILED':<6}  {stage.name:<11}  {stage.message}" for stage in report.stages
    ]
    return [*stages, *advice_lines(report.advice)]


COMMANDS: dict[str, Command] = {
    "test": _storage_test,
    "save": _storage_save,
    "update": _storage_update,
    "list": _storage_list,
    "show": _storage_show,
    "delete": _storage_delete,
    "usage": _storage_usage,
}
