"""What an operator may set: `GFT_…` environment variables, or files in `GFT_SECRETS_DIR`."""

import os
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.clock import Clock, SettableClock, SystemClock


class Profile(StrEnum):
    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"


class ExternalIssuer(BaseModel):
    """An OIDC issuer whose person tokens are accepted; its tokens carry the claims of ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    jwks_url: str
    algorithms: tuple[str, ...] = ("ES256",)
    types: tuple[str, ...] = ("at+jwt",)


class Settings(BaseSettings):
    """One component's settings; a wrong value stops the start with its name."""

    model_config = SettingsConfigDict(
        env_prefix="GFT_",
        extra="forbid",
        secrets_dir=os.environ.get("GFT_SECRETS_DIR"),
        hide_input_in_errors=True,  # what was given may be a password
    )

    profile: Profile = Profile.PRODUCTION
    database_url: SecretStr
    relay_database_url: SecretStr | None = None
    nats_url: SecretStr
    nats_inbox_prefix: str | None = None
    nats_monitor_url: str | None = None
    nats_replicas: int = Field(default=1, ge=1, le=5)
    record_url: str | None = None
    record_client_id: str | None = None
    record_secret_file: Path | None = None
    token_issuer: str = "https://ganfutong.invalid"  # noqa: S105 a name, no secret
    external_issuers: tuple[ExternalIssuer, ...] = ()
    jwks_url: str | None = None
    jwks_file: Path | None = None
    keyring_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ("*",)
    ingress_addresses: tuple[str, ...] = ()
    clock_file: Path | None = None
    pool_size: int = Field(default=8, ge=1, le=64)
    digest_profile: Literal["sha-256", "sm3"] = "sha-256"
    trace_sample: float = Field(default=0.0, ge=0, le=1)
    log_level: str = "INFO"
    management_port: int | None = Field(default=None, ge=1, le=65535)
    drain_seconds: float = Field(default=0.0, ge=0, le=60)
    faults: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _production_is_strict(self) -> "Settings":
        if self.profile is Profile.PRODUCTION:
            if self.clock_file is not None:
                raise ValueError("clock_file: a production clock cannot be set")
            if self.faults:
                raise ValueError("faults: fault injection is for tests only")
            if "*" in self.allowed_hosts:
                raise ValueError("allowed_hosts: name the hosts that production serves")
        return self

    @model_validator(mode="after")
    def _record_has_a_reader(self) -> "Settings":
        if self.record_url and (self.record_client_id is None or self.record_secret_file is None):
            raise ValueError("record_url: name record_client_id and record_secret_file beside it")
        return self

    @cached_property
    def clock(self) -> Clock:
        return SystemClock() if self.clock_file is None else SettableClock(self.clock_file)


def read_settings(kind: type[Settings]) -> Settings:
    """The settings of this process; it ends with a line for each that is wrong or missing."""
    try:
        return kind()
    except ValidationError as error:
        lines = [_line(each["loc"], each["msg"]) for each in error.errors(include_input=False)]
        raise SystemExit("\n".join(lines)) from None
    except SettingsError as error:
        raise SystemExit(str(error)) from None


def _line(place: tuple[int | str, ...], message: str) -> str:
    name, *rest = map(str, place) if place else [""]
    said = message.removeprefix("Value error, ")
    if not name:
        name, _, said = said.partition(": ")
    return f"GFT_{'.'.join([name.upper(), *rest])}: {said}"


def asyncpg_url(url: str) -> str:
    """`postgresql://` and `postgres://` name the same server: SQLAlchemy is told to use asyncpg."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+asyncpg://" + url.removeprefix(scheme)
    return url


def plain_url(url: str) -> str:
    """The same server for asyncpg itself, which knows no `+asyncpg`."""
    return asyncpg_url(url).replace("postgresql+asyncpg://", "postgresql://", 1)
