"""``python -m timbre``: the same as the ``timbre`` command."""

from timbre.cli import main

main()
