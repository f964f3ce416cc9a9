"""The saved storages: the qingstor sections of rclone.conf as forms."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.machine.settings import Settings
from adapter.storage.advice import Advice, advise
from adapter.storage.change import Change
from adapter.storage.conf_errors import translated, unreadable
from adapter.storage.form import StorageForm, from_section
from adapter.storage.storage_document import KEYS
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

    @property
    def has_file(self) -> bool:
        """Whether there is an rclone.conf. Raises AdapterError if that cannot be told."""
        with translated():
            return self._conf.stored().data is not None

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

    def check_replaceable(self, form: StorageForm) -> None:
        """Raise `storage_exists` for a remote of another type, `invalid_form` if keys would be lost."""
        self._check_replaceable(form, self._load())

    def save(self, form: StorageForm, *, replace: bool) -> Edited:
        """Write the section; raises `storage_exists` for an existing one, unless `replace` is given.

        Raises as `check_replaceable` then.
        """

        def save(document: Document) -> Document:
            if form.name in document.names:
                if not replace:
                    raise AdapterError(_exists(form.name))
                self._check_replaceable(form, document)
            return document.with_section(form.name, form.options())

        with translated():
            return self._conf.edit(save)

    def changed(self, change: Change) -> StorageForm:
        """Return the storage as `update` would write it; raises as that does."""
        document = self._load()
        self._check_ours(change.name, document)
        return change.applied_to(_section(change.name, document))

    def update(self, change: Change) -> Edited:
        """Change the section as it is by now. Raises `storage_not_found`, or FormInvalid for wrong values."""

        def update(document: Document) -> Document:
            self._check_ours(change.name, document)
            return document.with_section(change.name, change.written_to(_section(change.name, document)))

        with translated():
            return self._conf.edit(update)

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

    def _check_replaceable(self, form: StorageForm, document: Document) -> None:
        name = form.name
        if name not in document.names:
            return
        kind = document.type_of(name)
        if kind == TYPE and form.access_key_id is None and not form.blanks_keys:
            _check_no_keys(name, document)
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
    return from_section(name, _section(name, document))


def _section(name: str, document: Document) -> Mapping[str, str]:
    try:
        return document.get(name) or {}
    except ConfValueError as error:
        raise AdapterError(unreadable(name, error)) from error


def _check_no_keys(name: str, document: Document) -> None:
    section = _section(name, document)
    if any(section.get(key) for key in KEYS):
        raise AdapterError(
            Failure(
                ErrorCode.INVALID_FORM,
                f"The document has no keys, and replacing {name!r} would remove the saved ones.",
                'Nothing was changed. Use `storage update`; to remove the keys on purpose, set both to "".',
                field="access_key_id",
            )
        )


def _exists(name: str) -> Failure:
    return Failure(
        ErrorCode.STORAGE_EXISTS,
        f"There is already a remote named {name!r}; nothing was changed.",
        "Choose another Storage Name, or replace it with --replace.",
        field="name",
    )
