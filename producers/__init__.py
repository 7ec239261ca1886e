"""What partners use: the check, the SDK and the synthetic town. Names below are the public ones."""
