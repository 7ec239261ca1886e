"""Backup of the log and of what cannot be rebuilt from it, restore, and the keys apart from both.

    <folder>/manifest.json       what is here: hashes, counts, offsets, positions, replay hashes
    <folder>/manifest.signature  Ed25519 over it, by the key that partners pin; hex
    <folder>/topics/NAME.avro    one topic's records as an Avro object container file
    <folder>/files/...           the register of certificates; never a key

docs/BACKUP.md describes the format for whoever has to read it without this program.
"""
