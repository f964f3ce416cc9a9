"""What pydantic found wrong with a document, in our words."""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from adapter.contract.errors import Failure
from adapter.storage.json_document import FieldProblem, unknown_field


def failures(error: ValidationError, labels: Mapping[str, str], known: Iterable[str]) -> list[Failure]:
    """Return all errors that pydantic found, each under its field's path."""
    found = []
    for item in error.errors(include_url=False, include_input=False):
        path = ".".join(map(str, item["loc"]))
        label = labels.get(path, path)
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, FieldProblem):
            found.append(cause.failure(path, label))
        elif item["type"] == "extra_forbidden":
            found.append(unknown_field(str(item["loc"][-1]), known))
        else:
            found.append(_WRONG_KIND.get(item["type"], _WRONG).failure(path, label))
    return found


_WRONG = FieldProblem("it has the wrong type", "Write it as the documentation shows.")
_WRONG_KIND = {
    "missing": FieldProblem("it is missing", "Fill it in."),
    "model_type": FieldProblem("it is not an object", "Write its fields in braces."),
}
