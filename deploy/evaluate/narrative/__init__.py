"""Measuring what the redaction of narratives leaves, and what it takes."""
