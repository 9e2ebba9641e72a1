"""Score tables, statistics, gate, log export and report. Never starts a server."""
