"""The scene of one situation: the server, the program, and what has to be closed afterwards."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapter.machine.settings import Settings
from tests.connection.sockets import Listener, Talk
from tests.program import Finished, Program, document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer

SAVED = "saved by hand"


@dataclass(frozen=True, slots=True)
class Asked:
    """The input of `storage test`: arguments, a document on stdin or none, environment variables."""

    words: tuple[str, ...] = ()
    document: object = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """The server, program and directory of a situation."""

    server: QingStorServer
    program: Program
    stack: ExitStack
    directory: Path

    def run(self, asked: Asked, timeout_s: float) -> Finished:
        """Run `storage test`."""
        program = replace(self.program, variables=asked.variables)
        words = ("storage", "test", *asked.words, "--timeout", str(timeout_s), "--json")
        return program.run(*words, document=asked.document)

    @property
    def machine(self) -> Settings:
        """The settings of the program, for calls within the test."""
        environ = self.program.environment
        home = Path(environ["HOME"])
        return Settings(
            environ=environ,
            home=home,
            conf_path=self.program.conf,
            state_dir=self.program.state_dir,
            rclone_option=None,
            ask_password=lambda: None,
            ask_new_password=lambda: None,
        )

    def form(self, *words: str, **changes: object) -> Asked:
        """Return a document that works, with changes (see `tests.program.document`)."""
        return Asked(words, document(**changes))  # type: ignore[arg-type]

    def at(self, address: str, *words: str, **variables: str) -> Asked:
        """Return a saved storage at an address: the form does not take a bare IP address.

        Loopback addresses are never reached through a proxy, so `connect` really goes to that address.
        """
        section = {
            "type": "qingstor",
            "access_key_id": ACCESS_KEY_ID,
            "secret_access_key": SECRET_ACCESS_KEY,
            "endpoint": address,
            "zone": "pek3a",
        }
        lines = "".join(f"{name} = {value}\n" for name, value in section.items())
        self.program.conf.write_text(f"[{SAVED}]\n{lines}")
        self.program.conf.chmod(0o600)
        return Asked((SAVED, *words), None, variables)

    def listener(self, talk: Talk) -> int:
        """Return the port of a listener that runs `talk` until the situation is over."""
        return self.stack.enter_context(Listener(talk)).port

    def script(self, text: str) -> str:
        """Return the path of a Python program that replaces rclone."""
        path = self.directory / "rclone"
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)
        return str(path)
