"""Messages for people, with the label of the form's field that they are about."""

from adapter.storage.form_fields import FIELDS

# Not the Storage Name: a message about it gives the name, often that of a command line.
_LABELS = {field.name: field.label for field in FIELDS}


def with_label(message: str, field: str | None) -> str:
    """Return the message with the label of `field` before it, unless it has the label already.

    `field` is a name of the storage document, in a job `storage.zone` and the like; others have no label.
    """
    label = _LABELS.get((field or "").removeprefix("storage."), "")
    return message if label.lower() in message.lower() else f"{label}: {message}"
