"""Settings of the dashboard, and the rule that it stays on its own machine unless a token guards it."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, SecretStr, field_validator, model_validator

from aed.settings import Settings

SHORTEST_TOKEN = 16
"""Characters: with so many drawn at random, guessing is hopeless however many tries there are."""
LOCAL_NAME = "localhost"


class WebConfig(Settings):
    """Settings of the dashboard.

    Attributes:
        host: Address to be reached at: this machine alone by default; 0.0.0.0 for the whole network, with a token.
        port: Its port; 0 for any that is free.
        token: Who knows it may look, listen and mark; needed where the host is not this machine alone.
        names: Names that the page is called by besides its address, such as pi.local or that of a proxy before it.
        certificate: PEM file of a TLS certificate: then the page is https, and a phone gives it its microphone.
        certificate_key: PEM file of its key.
        most_viewers: Pages that are open at once.
        most_microphones: Browsers whose microphone is listened to at once; 0 for none.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    token: SecretStr | None = None
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    most_viewers: int = Field(default=16, ge=1)
    most_microphones: int = Field(default=4, ge=0)

    @field_validator("names")
    @classmethod
    def _names_without_case(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.casefold() for name in names)

    @field_validator("token")
    @classmethod
    def _token_is_long(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(
                f"a token of at least {SHORTEST_TOKEN} characters is expected, got {len(token.get_secret_value())}: "
                "python -c 'import secrets; print(secrets.token_urlsafe())' draws one"
            )
        return token

    @model_validator(mode="after")
    def _no_stranger_without_token(self) -> WebConfig:
        if self.token is None and not self.is_local_only:
            raise ValueError(
                f"the dashboard at host '{self.host}' could be opened by others, who would hear this home: set a token "
                f"of at least {SHORTEST_TOKEN} characters, or leave the host at 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> WebConfig:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together: name both files, or none")
        return self

    @property
    def is_local_only(self) -> bool:
        """Whether nobody outside this machine can reach it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether a name or an address means this machine alone."""
    return host.casefold() == LOCAL_NAME or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Return whether it is a number, version 4 or 6, and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
