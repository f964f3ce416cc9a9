"""A storage ready for use: its form, its keys, and the environment for rclone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place
from adapter.machine.settings import Settings
from adapter.rclone.credentials import Credentials, resolve_credentials
from adapter.rclone.environment import child_environment
from adapter.rclone.remote import remote_environment
from adapter.storage.advice import Advice, AdviceCode
from adapter.storage.form import StorageForm
from adapter.storage.target import Target


@dataclass(frozen=True, slots=True)
class OpenStorage:
    """Everything that rclone needs to reach a storage. `env` holds the secrets; it is never shown."""

    form: StorageForm
    credentials: Credentials
    env: Mapping[str, str] = field(repr=False)
    redactor: Redactor
    dropped_variables: tuple[str, ...]

    def place(self, bucket: str = "", path: str = "") -> Place:
        """Return the names that messages use for this storage, bucket and path."""
        return Place(
            self.form.name, self.form.zone, self.form.endpoint or str(self.form.server), bucket, path
        )

    def identity(self, target: Target) -> str:
        """Return a name for a target, for locks and records, that does not depend on the storage's name."""
        server = self.form.server
        return f"{server.scheme}://{server.host}:{server.port}/{self.form.zone}/{target.remote_path}"

    def advice(self) -> tuple[Advice, ...]:
        """Return the advice on environment variables that were left out."""
        if not self.dropped_variables:
            return ()
        names = ", ".join(self.dropped_variables)
        message = f"These variables are set but not passed on to rclone: {names}."
        return (Advice(AdviceCode.ENVIRONMENT_IGNORED, "", message),)


def open_storage(form: StorageForm, settings: Settings) -> OpenStorage:
    """Find the keys and build the environment.

    Raises AdapterError `credentials_missing` when Environment Auth is on and finds no keys.
    """
    credentials = resolve_credentials(form, settings.environ, settings.home)
    base = child_environment(settings.environ)
    env = {**base.variables, **remote_environment(form, credentials)}
    secrets = (credentials.access_key_id, credentials.secret_access_key)
    return OpenStorage(form, credentials, env, Redactor(secret.reveal() for secret in secrets), base.dropped)
