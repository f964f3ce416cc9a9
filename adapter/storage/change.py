"""A change of a saved storage: the partial storage document of `storage update`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapter.contract.errors import Failure, FormInvalid
from adapter.storage.form import StorageForm, check_keys, options_of, others_of, validate
from adapter.storage.form_fields import LABELS
from adapter.storage.form_values import form_readers
from adapter.storage.json_document import FieldProblem, is_blank, is_undefined, read_object
from adapter.storage.section_values import SECTION_READERS
from adapter.storage.storage_document import flatten, in_form_order, without_secrets


@dataclass(frozen=True, slots=True)
class Change:
    """What changes in the section `name`: values by field, a blank one clears it; and errors found so far."""

    name: str
    values: Mapping[str, object] = field(repr=False)
    errors: tuple[Failure, ...]

    def applied_to(self, section: Mapping[str, str]) -> StorageForm:
        """Return the storage with the change; everything else stays as the section has it.

        Raises FormInvalid with every wrong field, those of the section included.
        """
        given = {option: value for option, value in self.values.items() if not is_blank(value)}
        kept = {option: value for option, value in options_of(section).items() if option not in self.values}
        filled = {**kept, **given}
        new = form_readers(filled.get("zone"))
        readers = {**SECTION_READERS, **{option: new[option] for option in given}}
        form, errors = validate({"name": self.name, **filled}, readers, others_of(section))
        errors += [*self.errors, *check_keys(filled)]
        if form is None or errors:
            document = {**section, **self.values}
            raise FormInvalid(without_secrets(in_form_order(errors), document))
        return form

    def written_to(self, section: Mapping[str, str]) -> dict[str, str]:
        """Return the changed section; what is not named stays as it is spelled. Raises as `applied_to`."""
        filled = {option: text for option, text in section.items() if not is_blank(text)}
        kept = {option: text for option, text in filled.items() if option not in self.values}
        return {**self.applied_to(section).options(), **kept}


def parse_change(data: bytes, name: str) -> Change:
    """Return the change that a partial storage document asks for. Raises FormInvalid if it is no object."""
    values, errors = flatten(read_object(data, "storage document"))
    named = values.pop("name")
    if not is_blank(named) and (not isinstance(named, str) or named.strip() != name):
        problem = FieldProblem(
            "it is another name than that of the storage to update",
            "Leave it out; to rename a storage, save it under the new name and delete the old one.",
        )
        errors.append(problem.failure("name", LABELS["name"]))
    changed = {option: value for option, value in values.items() if not is_undefined(value)}
    return Change(name, changed, tuple(errors))
