"""The errors that QingStor answers with: one table of codes and statuses (docs: API, error codes)."""

STATUS_OF = {
    "invalid_argument": 400,
    "invalid_request": 400,
    "invalid_json": 400,
    "bad_digest": 400,
    "incomplete_body": 400,
    "invalid_bucket_name": 400,
    "invalid_object_name": 400,
    "invalid_object_state": 400,
    "invalid_location": 400,
    "max_requests_exceeded": 400,
    "entity_too_small": 400,
    "entity_too_large": 400,
    "max_parts_exceeded": 400,
    "too_many_objects": 400,
    "metadata_too_large": 400,
    "access_denied": 400,
    "invalid_access_key_id": 401,
    "signature_not_matched": 401,
    "delinquent_account": 402,
    "permission_denied": 403,
    "request_expired": 403,
    "account_problem": 403,
    "bucket_not_active": 403,
    "lease_not_ready": 403,
    "too_many_buckets": 403,
    "bucket_not_exists": 404,
    "object_not_exists": 404,
    # The multipart pages say 404, the error table 400; the pages describe the operation.
    "upload_not_exists": 404,
    "method_not_allowed": 405,
    "bucket_already_exists": 409,
    "bucket_not_empty": 409,
    # Not in QingStor's table, which has no code for a missing length; the status is HTTP's.
    "length_required": 411,
    "precondition_failed": 412,
    "invalid_range": 416,
    "internal_error": 500,
    "service_unavailable": 503,
}


class Refused(Exception):
    """The service refuses a request with a code of the table; `status` follows from the code."""

    def __init__(
        self, code: str, message: str, *, status: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS_OF[code] if status is None else status
        self.headers = headers or {}
