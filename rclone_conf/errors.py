"""What can go wrong with an `rclone.conf`.

No message holds a value, a line's text or a password: any of them may be a secret. Names of options, names of
sections, line numbers and paths are safe to show, and the names of options that `option_name` lets through.
"""

from rclone_conf.redaction import option_name


class ConfError(Exception):
    """Base of everything this package raises on purpose; `message` is one plain sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfSyntaxError(ConfError):
    """rclone could not read the file: `line` counts from 1, `problem` says what is wrong with that line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"Line {line}: {problem}.")
        self.line = line
        self.problem = problem


class ConfValueError(ConfError):
    """`option` has a value that rclone could not read back, or would not accept; `hint` says what to do."""

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
    """The password does not open the file, or no key can be made from it; `problem` tells which."""

    def __init__(self, problem: str = "it does not open the configuration") -> None:
        super().__init__(f"Wrong configuration password: {problem}.")
        self.problem = problem


class ConfReadError(ConfError):
    """The system did not let us read the file; `reason` says why in a few words."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfWriteError(ConfError):
    """The file was not written and the old one is whole; `reason` says why in a few words."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConfLocked(ConfError):
    """Another of our processes is changing the file and did not finish within the timeout."""
