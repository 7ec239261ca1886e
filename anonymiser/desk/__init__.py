"""The review desk: what waits for a human, what humans decided, and how well they decide."""
