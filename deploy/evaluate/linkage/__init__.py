"""Measuring linkage: files of people with a truth, through the product's own linker."""
