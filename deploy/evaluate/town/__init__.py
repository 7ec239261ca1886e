"""Evaluations that send a synthetic town through every stage and know what must come out."""
