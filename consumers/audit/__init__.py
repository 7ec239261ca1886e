"""Audit: replaying the log and comparing it with what the projections say."""
