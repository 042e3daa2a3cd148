"""Where an MQTT broker is, who we are to it, and the library's client made from that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, model_validator

from aed.errors import ConfigError, missing_extra
from aed.settings import Settings

if TYPE_CHECKING:
    from paho.mqtt.client import Client

USER_VARIABLE, PASSWORD_VARIABLE = "AED_MQTT_USER", "AED_MQTT_PASSWORD"
"""Environment variables; used where the settings name no user or password."""
FIRST_RECONNECT_SECONDS, LONGEST_RECONNECT_SECONDS = 1, 8
"""Between two attempts to connect; doubled each time. An attempt costs next to nothing in a house."""
_PLAIN_PORT, _TLS_PORT = 1883, 8883


class BrokerConfig(Settings):
    """Where the broker is.

    Attributes:
        host: Its name or address.
        port: Its port; 1883, or 8883 with TLS, where none is named.
        protocol: Version of MQTT.
        user: Name of the user; else from the environment variable AED_MQTT_USER.
        password: The user's password; else from the environment variable AED_MQTT_PASSWORD.
        client_id: Must be unique at the broker and the same after a restart; made from the prefix where none is named.
        keepalive_seconds: The broker takes a client that was silent for half as long again as gone.
        tls: Whether to encrypt.
        ca_file: Certificates to trust instead of the system's.
        client_certificate: Certificate to show.
        client_key: Its key.
        check_host_name: Whether the broker's certificate must be for its host name.
    """

    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    protocol: Literal["5", "3.1.1"] = "5"
    user: str | None = None
    password: SecretStr | None = None
    client_id: str | None = None
    keepalive_seconds: int = Field(default=15, ge=5, le=65535)
    tls: bool = False
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    check_host_name: bool = True

    @model_validator(mode="after")
    def _tls_is_meant(self) -> BrokerConfig:
        if not self.tls and (self.ca_file or self.client_certificate or self.client_key):
            raise ValueError("certificates are named, but the connection is not encrypted: set tls: true")
        return self

    @property
    def port_in_use(self) -> int:
        """The port."""
        return self.port or (_TLS_PORT if self.tls else _PLAIN_PORT)

    def credentials(self) -> tuple[str | None, str | None]:
        """Return user and password; None where there is none."""
        password = self.password.get_secret_value() if self.password else os.environ.get(PASSWORD_VARIABLE)
        return self.user or os.environ.get(USER_VARIABLE), password


def make_client(config: BrokerConfig, client_id: str) -> Client:
    """Return a client that is not yet connected.

    Raises:
        ConfigError: The certificates cannot be used.
        MissingExtraError: The library is not installed.
    """
    try:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    except ImportError as error:
        raise missing_extra("Telling over MQTT", "monitor") from error
    protocol = MQTTProtocolVersion.MQTTv5 if config.protocol == "5" else MQTTProtocolVersion.MQTTv311
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol)
    client.username_pw_set(*config.credentials())
    client.reconnect_delay_set(FIRST_RECONNECT_SECONDS, LONGEST_RECONNECT_SECONDS)
    if config.tls:
        _encrypt(client, config)
    return client


def _encrypt(client: Client, config: BrokerConfig) -> None:
    ca, certificate, key = (
        None if file is None else str(file) for file in (config.ca_file, config.client_certificate, config.client_key)
    )
    try:
        client.tls_set(ca, certificate, key)
    except (OSError, ValueError) as error:
        names = ", ".join(file for file in (ca, certificate, key) if file)
        raise ConfigError(f"mqtt: the certificates cannot be used ({names}): {error}") from error
    client.tls_insecure_set(not config.check_host_name)
