"""The gate: the only door out of the enclave."""
