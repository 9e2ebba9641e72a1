"""Pairs to masked examples to QLoRA to runs/<name>/."""
