"""A user's error is readable whatever a stranger's file has put into it."""

import pytest

from timbre.errors import LONGEST, TimbreError


@pytest.mark.parametrize(
    "quoted",
    ["\x1b]0;owned\x07", "\x1b[2J", "a\u202eb", "\ud800", "\x00", "\r overwritten", "\u2028", "\U000e0041"],
)
def test_a_message_steers_no_terminal_whichever_part_quotes_it(quoted: str) -> None:
    error = TimbreError(f"bad {quoted!s}", where=quoted, do=f"rename {quoted}")
    assert str(error).replace("\n", " ").isprintable()


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    message = str(TimbreError("begin " + "x" * 1_000_000 + " end", where="y" * 10_000, do="mend it"))
    assert message.endswith(" end; mend it")
    assert ": begin xxx" in message
    assert len(message) < 3 * LONGEST
