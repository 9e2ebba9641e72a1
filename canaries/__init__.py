"""Suites of fixed prompts that are never trained on, and their loader."""
