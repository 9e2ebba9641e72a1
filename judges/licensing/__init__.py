"""Judges held against labels: agreement, licences, and the command that measures and writes them."""
