"""The enclave: identifiers become tokens, tokens persons, and the gate lets out what may go."""
