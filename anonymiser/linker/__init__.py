"""The linker: tokens become persons, and every decision is recorded."""
