"""Exceptions of rclone_conf as failures for people."""

import pytest

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.storage.conf_errors import translated
from rclone_conf import ConfValueError


def test_a_refused_value_is_named_by_the_label_of_the_form() -> None:
    with pytest.raises(AdapterError) as caught, translated():
        raise ConfValueError("chunk_size", "it has a line break")
    failure = caught.value.failure
    assert (failure.code, failure.field) == (ErrorCode.INVALID_FORM, "chunk_size")
    assert failure.message == "Chunk Size: it has a line break."
    assert failure.hint
