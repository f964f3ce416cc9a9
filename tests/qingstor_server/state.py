"""What the service knows, and who may use which bucket."""

from dataclasses import dataclass

from pydantic import BaseModel, TypeAdapter

from tests.qingstor_server.accounts import AccessKey, Accounts, Right
from tests.qingstor_server.call import Call
from tests.qingstor_server.multipart import Uploads
from tests.qingstor_server.operation import Operation
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.settings import Settings
from tests.qingstor_server.store import Bucket, Store

RIGHTS = {
    Operation.LIST_BUCKETS: Right.LIST_BUCKETS,
    Operation.CREATE_BUCKET: Right.CREATE_BUCKET,
    Operation.DELETE_BUCKET: Right.CREATE_BUCKET,
    Operation.HEAD_BUCKET: Right.LIST,
    Operation.GET_BUCKET_STATS: Right.LIST,
    Operation.LIST_OBJECTS: Right.LIST,
    Operation.LIST_UPLOADS: Right.LIST,
    Operation.DELETE_OBJECTS: Right.DELETE,
    Operation.GET_BUCKET_SETTING: Right.CREATE_BUCKET,
    Operation.PUT_BUCKET_SETTING: Right.CREATE_BUCKET,
    Operation.DELETE_BUCKET_SETTING: Right.CREATE_BUCKET,
    Operation.PUT_OBJECT: Right.WRITE,
    Operation.COPY_OBJECT: Right.WRITE,
    Operation.MOVE_OBJECT: Right.WRITE,
    Operation.GET_OBJECT: Right.READ,
    Operation.HEAD_OBJECT: Right.READ,
    Operation.OPTIONS_OBJECT: Right.READ,
    Operation.DELETE_OBJECT: Right.DELETE,
    Operation.INITIATE_UPLOAD: Right.WRITE,
    Operation.UPLOAD_PART: Right.WRITE,
    Operation.LIST_PARTS: Right.WRITE,
    Operation.COMPLETE_UPLOAD: Right.WRITE,
    Operation.ABORT_UPLOAD: Right.WRITE,
}
"""The right that each operation needs. LIST_ZONES needs none."""

_PUBLIC = {
    Operation.GET_OBJECT: {"READ", "FULL_CONTROL"},
    Operation.HEAD_OBJECT: {"READ", "FULL_CONTROL"},
    Operation.PUT_OBJECT: {"WRITE", "FULL_CONTROL"},
}


class _Grantee(BaseModel):
    type: str
    name: str = ""


class _Grant(BaseModel):
    grantee: _Grantee
    permission: str


class _Acl(BaseModel):
    acl: list[_Grant] = []


_ACL = TypeAdapter(_Acl)


@dataclass(slots=True)
class State:
    """Settings, accounts, buckets, objects and uploads of one service."""

    settings: Settings
    accounts: Accounts
    store: Store
    uploads: Uploads

    def caller(self, call: Call) -> AccessKey:
        """Who asks. Raises Refused (403) for an anonymous request or a key without the right."""
        caller, right = call.caller, RIGHTS[call.target.operation]
        if caller is None or not caller.allows(right, call.target.bucket or None):
            raise Refused("permission_denied", "This key may not do that.")
        return caller

    def bucket(self, call: Call) -> Bucket:
        """The bucket that the request names, for an operation that the caller may do there.

        Raises Refused: 404 when it is not in the host's zone, 301 with its address on the global host, 403.
        """
        name, zone = call.target.bucket, call.target.zone
        bucket = self.store.bucket(name)
        if bucket is None or (zone is not None and zone != bucket.zone):
            raise Refused("bucket_not_exists", "There is no such bucket in this zone.")
        if zone is None:
            address = call.target.host.lower().replace(
                self.settings.domain, f"{bucket.zone}.{self.settings.domain}"
            )
            place = f"http://{address}{call.target.path}"
            raise Refused(
                "permission_denied", "The bucket is elsewhere.", status=301, headers={"Location": place}
            )
        self.check_access(call, bucket, RIGHTS[call.target.operation])
        if bucket.status != "active":
            raise Refused("bucket_not_active", "The bucket is suspended.")
        return bucket

    def check_access(self, call: Call, bucket: Bucket, right: Right) -> None:
        """Raise Refused (403) unless the caller may do this in the bucket, as its owner or as the public."""
        caller = call.caller
        if caller is not None and caller.account == bucket.owner and caller.allows(right, bucket.name):
            return
        # A key of the owner that lacks the right stays without it on a public bucket too.
        owner_key = caller is not None and caller.account == bucket.owner
        if owner_key or not self._is_public(bucket, call.target.operation):
            raise Refused("permission_denied", "This key may not do that here.")

    def _is_public(self, bucket: Bucket, operation: Operation) -> bool:
        wanted = _PUBLIC.get(operation)
        document = self.store.setting(bucket.name, "acl") if wanted else None
        if wanted is None or document is None:
            return False
        grants = _ACL.validate_json(document).acl
        return any(grant.grantee.name == "QS_ALL_USERS" and grant.permission in wanted for grant in grants)
