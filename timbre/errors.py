"""The one exception a user can cause, and what to do when nobody reads the output any more."""

import os
import sys


class TimbreError(Exception):
    """A mistake that a user can make and mend, told in one line.

    The command line prints it to stderr without a traceback and exits with
    ``exit_code``; anything else that escapes is a bug in Timbre.

    Args:
        what: What is wrong, as a clause ("duplicate id 'a'").
        where: ``file:line``, a file, or a configuration key.
        do: What to do about it, as an imperative.
        exit_code: Exit status of the command that meets it (2 unless stated).
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        do: str | None = None,
        exit_code: int = 2,
    ) -> None:
        self.what = what
        self.where = where
        self.do = do
        self.exit_code = exit_code
        super().__init__(str(self))

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}; {self.do}" if self.do else located


def stop_writing() -> None:
    """Send stdout nowhere: whoever read it has enough, and Python's own exit must not write to it either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
