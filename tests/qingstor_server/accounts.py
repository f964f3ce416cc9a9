"""Who may do what: accounts, their access keys, and the rights of each key."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tests.qingstor_server.refusal import Refused

OWNER = "usr-owner"
"""The account of the default key; it owns every bucket that a test adds without naming another."""

ACCESS_KEY_ID = "AKTESTCANARY00000001"
SECRET_ACCESS_KEY = "SKTESTcanarythatmustnotshowanywhere00001"


class Right(StrEnum):
    """What a key may do. Bucket settings (policy, ACL, …) and deletion of a bucket need `CREATE_BUCKET`."""

    LIST_BUCKETS = "list_buckets"
    CREATE_BUCKET = "create_bucket"
    LIST = "list"
    READ = "read"
    WRITE = "write"
    DELETE = "delete"


ALL_RIGHTS = frozenset(Right)


class KeyState(StrEnum):
    """How the service answers a request that carries this key."""

    ACTIVE = "active"
    DISABLED = "disabled"
    """401 invalid_access_key_id"""
    DELINQUENT = "delinquent"
    """402 delinquent_account"""
    ACCOUNT_PROBLEM = "account_problem"
    """403 account_problem"""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One key of an account. `buckets` limits it to those names; None is every bucket of the account."""

    id: str
    secret: str = field(repr=False)
    account: str = OWNER
    rights: frozenset[Right] = ALL_RIGHTS
    buckets: frozenset[str] | None = None
    state: KeyState = KeyState.ACTIVE

    def allows(self, right: Right, bucket: str | None) -> bool:
        """Whether this key has the right, there."""
        return right in self.rights and (bucket is None or self.buckets is None or bucket in self.buckets)


DEFAULT_KEY = AccessKey(ACCESS_KEY_ID, SECRET_ACCESS_KEY)

_REFUSALS = {
    KeyState.DISABLED: "invalid_access_key_id",
    KeyState.DELINQUENT: "delinquent_account",
    KeyState.ACCOUNT_PROBLEM: "account_problem",
}


class Accounts:
    """The keys that the server knows; the default key is always there at the start."""

    def __init__(self, keys: Iterable[AccessKey] = (DEFAULT_KEY,)) -> None:
        self._keys = {key.id: key for key in keys}

    def add(self, key: AccessKey) -> None:
        """Add a key, or replace the one of the same id."""
        self._keys[key.id] = key

    def set_state(self, key_id: str, state: KeyState) -> None:
        """Change how the service answers a key from now on. KeyError: no such key."""
        self._keys[key_id] = replace(self._keys[key_id], state=state)

    def find(self, key_id: str) -> AccessKey:
        """The key to verify a signature with. Raises Refused when it is unknown or disabled (401)."""
        key = self._keys.get(key_id)
        if key is None or key.state is KeyState.DISABLED:
            raise Refused("invalid_access_key_id", "The access key is unknown or disabled.")
        return key

    @staticmethod
    def check_state(key: AccessKey) -> None:
        """Raise Refused when the account of a key that proved itself may not be served (402, 403)."""
        if code := _REFUSALS.get(key.state):
            raise Refused(code, "The account of this key cannot be served.")
