"""Measuring the product by its own code, on files it has never seen."""
