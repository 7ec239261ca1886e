"""`rivelin bench`: how fast, how soon and how large the system is, on a real broker."""
