"""`rivelin evaluate intruder`: who can still be recognised in what leaves, by whom."""
