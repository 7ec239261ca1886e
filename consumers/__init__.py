"""What police, safeguarding and audit make of the shared log; no identifier can be named here."""
