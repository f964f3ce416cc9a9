"""The saved storages: the qingstor sections of rclone.conf as forms."""

import difflib
from dataclasses import dataclass

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.machine.settings import Settings
from adapter.storage.advice import Advice, advise
from adapter.storage.conf_errors import translated, unreadable
from adapter.storage.form import StorageForm, from_section
from rclone_conf import ConfFile, ConfValueError, Document, Edited
from rclone_conf.qingstor import TYPE


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved section: its form and advice, or why rclone cannot use it."""

    name: str
    form: StorageForm | None
    failure: Failure | None
    advice: tuple[Advice, ...] = ()


class Storages:
    """The qingstor remotes of one rclone.conf. Methods raise AdapterError if the file cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.conf_path
        self._conf = ConfFile(settings.conf_path, settings.ask_password)

    def all(self) -> tuple[Saved, ...]:
        """Return every saved storage, in file order, those included that rclone cannot use."""
        with translated():
            loaded = self._conf.load()
        document = loaded.document
        ours = [name for name in document.names if document.type_of(name) == TYPE]
        return tuple(_saved(name, document, encrypted=loaded.encrypted) for name in ours)

    def get(self, name: str) -> StorageForm:
        """Return a saved storage; raises `storage_not_found` with the nearest names."""
        document = self._load()
        self._check_ours(name, document)
        return _form(name, document)

    def check_free(self, name: str) -> None:
        """Raise `storage_exists` if the file has a remote of this name, of whatever type."""
        if name in self._load().names:
            raise AdapterError(_exists(name))

    def save(self, form: StorageForm, *, replace: bool) -> Edited:
        """Write the section; raises `storage_exists` for an existing one, unless `replace` is given."""

        def change(document: Document) -> Document:
            if name in document.names:
                if not replace:
                    raise AdapterError(_exists(name))
                self._check_replaceable(name, document)
            return document.with_section(name, form.options())

        name = form.name
        with translated():
            return self._conf.edit(change)

    def delete(self, name: str) -> None:
        """Remove the section; raises `storage_not_found` if there is none."""

        def change(document: Document) -> Document:
            self._check_ours(name, document)
            return document.without_section(name)

        with translated():
            self._conf.edit(change)

    def _load(self) -> Document:
        with translated():
            return self._conf.load().document

    def _check_ours(self, name: str, document: Document) -> None:
        if document.type_of(name) != TYPE:
            raise AdapterError(self._missing(name, document))

    def _check_replaceable(self, name: str, document: Document) -> None:
        kind = document.type_of(name)
        if kind != TYPE:
            what = f"of type {kind!r}" if kind else "without a type"
            failure = Failure(
                ErrorCode.STORAGE_EXISTS,
                f"The remote {name!r} in {self._path} is one {what}, not a QingStor storage; nothing was "
                "changed.",
                "Choose another Storage Name, or remove that remote with rclone.",
                field="name",
            )
            raise AdapterError(failure)

    def _missing(self, name: str, document: Document) -> Failure:
        if name in document.names:
            message = f"The remote {name!r} in {self._path} is not a QingStor storage."
        else:
            message = f"There is no storage {name!r} in {self._path}."
        near = difflib.get_close_matches(name, document.names, n=3)
        hint = (
            f"Did you mean {' or '.join(map(repr, near))}?"
            if near
            else "`storage list` shows the saved ones."
        )
        return Failure(ErrorCode.STORAGE_NOT_FOUND, message, hint, field="name")


def _saved(name: str, document: Document, *, encrypted: bool) -> Saved:
    try:
        form = _form(name, document)
    except AdapterError as error:
        return Saved(name, None, error.failure)
    return Saved(name, form, None, advise(form, encrypted=encrypted))


def _form(name: str, document: Document) -> StorageForm:
    try:
        options = document.get(name) or {}
    except ConfValueError as error:
        raise AdapterError(unreadable(name, error)) from error
    return from_section(name, options)


def _exists(name: str) -> Failure:
    return Failure(
        ErrorCode.STORAGE_EXISTS,
        f"There is already a remote named {name!r}; nothing was changed.",
        "Choose another Storage Name, or replace it with --replace.",
        field="name",
    )
