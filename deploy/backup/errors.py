"""What can be wrong with a backup, with where it is to go, and with the keys beside it."""

from __future__ import annotations

from streams.errors import DeniedError, InvalidInputError, RivelinError


class DamagedBackupError(InvalidInputError):
    """The backup is not what its manifest says, or its manifest is not signed. Take another one."""


class OccupiedFolderError(InvalidInputError):
    """Something is there already. A backup and a restored home each want a place of their own."""


class StrangeKeysError(DeniedError):
    """Keys and log are of different installations: together they would open nothing."""


class SealedKeysError(InvalidInputError):
    """The sealed keys, a share or the recovery key is damaged, or they do not belong together."""


class StrangeLedgerError(DeniedError):
    """The erasure ledger does not belong to the backup. Nothing may come back without its own."""


class NotQuietError(RivelinError):
    """Roles commit without a pause. Stop them (`rivelin down`, roles only) and back up again."""


class UnsetPositionsError(RivelinError):
    """The broker did not take the committed positions of a group: no role may start without."""


class RestoreError(RivelinError):
    """The restored node is not what the backup says. Nothing was put in place."""
