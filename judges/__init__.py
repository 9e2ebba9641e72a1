"""Judges: (canary, answer) to a value with evidence. Knows nothing of the other rooms."""
