"""The exceptions of this package.

No message contains a value, the text of a line or a password: any of them may be a secret. Messages contain
section names, line numbers, paths, and the option names that `option_name` allows.
"""

from rclone_conf.redaction import option_name


class ConfError(Exception):
    """Base class of the exceptions of this package; `message` is for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfSyntaxError(ConfError):
    """rclone cannot read the file: `line` counts from 1, `problem` says what is wrong with that line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"Line {line}: {problem}.")
        self.line = line
        self.problem = problem


class ConfValueError(ConfError):
    """rclone cannot store or does not accept the value of `option`; `hint` says what to do."""

    def __init__(self, option: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{option_name(option)}: {problem}.")
        self.option = option
        self.problem = problem
        self.hint = hint


class ConfNameError(ConfError):
    """A section cannot have this name."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"Name of the remote: {problem}.")
        self.problem = problem
        self.hint = hint


class ConfEncrypted(ConfError):
    """The file is encrypted and no password was given."""

    def __init__(self, message: str = "The configuration is encrypted and no password was given.") -> None:
        super().__init__(message)


class WrongPassword(ConfError):
    """The password is wrong, or one that rclone refuses; `problem` says which."""

    def __init__(self, problem: str = "it does not decrypt the configuration") -> None:
        super().__init__(f"Wrong configuration password: {problem}.")
        self.problem = problem


class ConfReadError(ConfError):
    """The file cannot be read; `reason` says why in a few words."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfWriteError(ConfError):
    """The file was not written and is unchanged; `reason` says why in a few words."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfLocked(ConfError):
    """Another process that uses this package held the lock until the timeout."""
