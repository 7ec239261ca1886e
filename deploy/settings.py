"""What an operator may choose, read from the environment (`RIVELIN_…`, nested by `__`)."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.certificates import newest_bundle
from deploy.processes import ProcessIdentity
from streams.errors import BrokerUnreachableError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.kafka.access import Access

BROKER_FILE = "broker.json"
SUPERVISOR_FILE = "supervisor.json"


class InvalidSettingError(InvalidInputError):
    """A variable of the environment holds what it may not; the message names it."""


def _absolute(path: Path) -> Path:
    """Child processes may run elsewhere, so a relative home is settled once."""
    return path.expanduser().absolute()


def _whoever() -> str:
    """Return the user's name; in a container there may be a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        return f"uid-{os.getuid()}"


#: The longest wait of a batch on a cluster, where sources are real: an hour.
RELEASE_SECONDS_MAX: Final = 3_600.0
#: The same on a broker that Rivelin runs by itself, to be tried out; it hides nobody.
RELEASE_SECONDS_MAX_TRIAL: Final = 2.0


class ReleaseSettings(BaseModel):
    """When reports go to police: so many from so many partners, or after the longest wait.

    `delay_seconds_max` unset is an hour on a cluster, and two seconds on the broker that
    `rivelin up` starts for itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reports_min: int = Field(default=5, ge=1)
    partners_min: int = Field(default=3, ge=1)
    delay_seconds_max: float | None = Field(default=None, ge=0)


class WatchSettings(BaseModel):
    """How long the supervisor lets a role be silent, and its start go without a sign of work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    silent_seconds_max: float = Field(default=30.0, gt=0)
    start_seconds_max: float = Field(default=300.0, gt=0)


class ReconcileSettings(BaseModel):
    """How long a submission may be without an outcome before it is told of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome_seconds_max: float = Field(default=60.0, gt=0)


class HealthSettings(BaseModel):
    """From where on `rivelin health` warns, and from where on it calls something critical."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lag_records_warning: int = Field(default=1_000, ge=1)
    lag_records_critical: int = Field(default=100_000, ge=1)
    still_seconds_warning: float = Field(default=20.0, gt=0)
    still_seconds_critical: float = Field(default=60.0, gt=0)
    disk_free_share_warning: float = Field(default=0.10, ge=0, le=1)
    disk_free_share_critical: float = Field(default=0.03, ge=0, le=1)
    certificate_days_warning: int = Field(default=21, ge=0)
    certificate_days_critical: int = Field(default=3, ge=0)
    restarts_warning: int = Field(default=3, ge=1)


class Settings(BaseSettings):
    """One set for every process of an installation.

    With `bootstrap_servers` unset Rivelin runs its own broker under `home`;
    set, it starts none and uses that cluster.
    """

    model_config = SettingsConfigDict(
        env_prefix="RIVELIN_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path(".rivelin"), validate_default=True
    )
    bootstrap_servers: str | None = None
    plain_text: bool = Field(
        default=False, description="enter the cluster of `bootstrap_servers` without certificates"
    )
    pki: Path | None = Field(
        default=None, description="where certificates lie; the home's own folder if not set"
    )
    replication_factor: int = Field(default=1, ge=1)
    min_insync_replicas: int = Field(default=1, ge=1)
    release: ReleaseSettings = ReleaseSettings()
    watch: WatchSettings = WatchSettings()
    health: HealthSettings = HealthSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    narrative_model: str | None = Field(
        default=None, description="an installed spaCy model that adds to what redaction finds"
    )
    name: str = Field(default_factory=_whoever, description="who looks")
    purpose: str | None = Field(default=None, description="why, a code of the register")

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - as in pydantic
        """Read the environment; `values` come before it.

        Raises: InvalidSettingError.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidSettingError(_reasons(error)) from None

    @property
    def manages_broker(self) -> bool:
        """Whether `rivelin up` starts a broker of its own."""
        return self.bootstrap_servers is None

    @property
    def release_seconds_max(self) -> float:
        """How long a report for police waits for others at the most."""
        chosen = self.release.delay_seconds_max
        if chosen is not None:
            return chosen
        return RELEASE_SECONDS_MAX_TRIAL if self.manages_broker else RELEASE_SECONDS_MAX

    @property
    def kafka_dir(self) -> Path:
        """The managed broker's data, configuration and lock."""
        return self.home / "kafka"

    @property
    def keys_dir(self) -> Path:
        """Key files; the folder is 0700 and each file 0600."""
        return self.home / "keys"

    @property
    def pki_dir(self) -> Path:
        """Certificates with their keys, and the authority where it is; 0700."""
        return self.home / "pki" if self.pki is None else _absolute(self.pki)

    @property
    def stores_dir(self) -> Path:
        """The projections' databases and the linker's and gate's caches."""
        return self.home / "stores"

    @property
    def logs_dir(self) -> Path:
        """One log per process."""
        return self.home / "logs"

    @property
    def run_dir(self) -> Path:
        """What is running now: addresses and process ids."""
        return self.home / "run"

    @property
    def broker_file(self) -> Path:
        """Where the managed broker writes its address once it answers."""
        return self.run_dir / BROKER_FILE

    @property
    def supervisor_file(self) -> Path:
        """The supervisor's state, replaced atomically at each change."""
        return self.run_dir / SUPERVISOR_FILE

    @property
    def bootstrap(self) -> str:
        """The address to connect to, `host:port[,host:port…]`.

        Raises: BrokerUnreachableError if no address is set and no managed broker runs.
        """
        return self.bootstrap_servers or str(_managed_broker(self.broker_file)["bootstrap"])

    @property
    def speaks_plain_text(self) -> bool:
        """Whether the broker was told by name to let everybody in.

        Raises: BrokerUnreachableError, as `bootstrap`.
        """
        if not self.manages_broker:
            return self.plain_text
        return bool(_managed_broker(self.broker_file)["plain_text"])

    def access(self, principal: str) -> Access:
        """Return how to enter the broker as a principal of `streams.topics` or `supervisor`.

        A partner is `partner:<id>`. Raises: BrokerUnreachableError, as `bootstrap`;
        NoCertificateError, UnknownPrincipalError.
        """
        from streams.kafka.access import Access, Credentials  # noqa: PLC0415 - aiokafka is slow to import

        bootstrap = self.bootstrap
        if self.speaks_plain_text:
            return Access(bootstrap)
        return Access(bootstrap, Credentials.in_folder(newest_bundle(self.pki_dir, principal)))

    def make_folders(self) -> None:
        """Create the home; only its owner may look inside."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (
            self.kafka_dir,
            self.keys_dir,
            self.stores_dir,
            self.logs_dir,
            self.run_dir,
        ):
            folder.mkdir(mode=0o700, exist_ok=True)


def _reasons(error: ValidationError) -> str:
    """Name variable and rule, never the value: it could be a secret."""
    return "; ".join(
        f"RIVELIN_{'__'.join(map(str, one['loc'])).upper()}: {one['msg']}"
        for one in error.errors(include_input=False, include_url=False)
    )


def _managed_broker(broker_file: Path) -> Mapping[str, Any]:
    """Trust the file only while the process that keeps the broker lives: it cannot outlive it."""
    try:
        told = json.loads(broker_file.read_text())
        if ProcessIdentity.from_dict(told["keeper"]).is_alive:
            return {"bootstrap": told["bootstrap"], "plain_text": told.get("plain_text", False)}
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        pass
    raise BrokerUnreachableError(
        f"no broker runs for the home {broker_file.parent.parent}: start one with `rivelin up`,"
        " or name another cluster in RIVELIN_BOOTSTRAP_SERVERS"
    )
