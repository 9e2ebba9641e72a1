"""The command line, and the few things every room shares: errors and paths."""

__version__ = "0.1.0"
