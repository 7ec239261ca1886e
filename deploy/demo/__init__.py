"""`rivelin demo`: the whole mission on a real broker, and a checker that knows the truth."""
