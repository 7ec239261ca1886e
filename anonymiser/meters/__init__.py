"""The black hole as a number: what became of each agency's reports, counted where nobody leaks."""
