"""The one exception a user can cause, and what to do when nobody reads the output any more."""

import os
import re
import sys

LONGEST = 1500
"""Characters of each part of a message: a user's file may hold a name of a megabyte."""

_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    "\u061c\u200e\u200f\ufeff\ufffe\uffff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """``text`` with plain line ends and a visible sign in place of control and text-direction characters."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


class TimbreError(Exception):
    """A mistake that a user can make and mend, told in one line.

    The command line prints it to stderr without a traceback and exits with
    ``exit_code``; anything else that escapes is a bug in Timbre. Each part may quote what a stranger wrote: what
    would steer a terminal is shown as a sign, and the middle of a long part is left out.

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
        self.what = _shown(what)
        self.where = _shown(where) if where else None
        self.do = _shown(do) if do else None
        self.exit_code = exit_code
        super().__init__(str(self))

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}; {self.do}" if self.do else located


def _shown(part: str) -> str:
    if len(part) > LONGEST:  # the end of a server's log says more than its beginning
        part = f"{part[: LONGEST // 3]} … {part[-2 * LONGEST // 3 :]}"
    return visible(part)


def stop_writing() -> None:
    """Send stdout nowhere: whoever read it has enough, and Python's own exit must not write to it either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
