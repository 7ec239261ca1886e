"""Intake: a sealed submission becomes tokens, generalised attributes and a receipt."""
