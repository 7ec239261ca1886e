"""Free text without people in it: what identifies becomes a role placeholder, or the text stays.

`redact.Redactor` runs the layers of research/privacy.md section 3: patterns
with checksums (L0), the report's own identifiers in every form (L1), an
allow-list of words (L2), and a recogniser of names where one is installed.
The gate searches what comes out with code of its own.
"""
