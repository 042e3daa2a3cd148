"""The connection to an MQTT broker: kept up, made anew, with a last will, and publishing that awaits the answer.

The library sends what was not acknowledged again by itself once the connection is back, so a message is handed to it
once and then waited for, however long that takes: handing it over again would tell it twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aed.errors import TellingError
from aed.monitor.telling.mqtt_broker import BrokerConfig, make_client

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
    from paho.mqtt.reasoncodes import ReasonCode

ONLINE, OFFLINE = "online", "offline"
_CONNECT_SECONDS = 2.0
"""How long a caller waits for a connection before it says that there is none."""
_POLL_SECONDS = 0.2
_GOODBYE_SECONDS = 1.0
_AT_MOST_ONCE, _AT_LEAST_ONCE = 0, 1  # qualities of service


@dataclass(frozen=True)
class Publication:
    """A message for a topic; `is_retained` if the broker is to keep it for those who come later."""

    topic: str
    payload: str
    is_retained: bool = False


class MqttLink:
    """A connection.

    Args:
        config: Where to.
        client_id: Who we are.
        availability_topic: Where to say, at the end, that we are gone; the broker says it if we cannot.

    Raises:
        ConfigError: The certificates cannot be used.
        MissingExtraError: The library is not installed.
    """

    def __init__(self, config: BrokerConfig, client_id: str, availability_topic: str) -> None:
        self._config, self._availability_topic = config, availability_topic
        self._client = make_client(config, client_id)
        self._client.will_set(availability_topic, OFFLINE, _AT_LEAST_ONCE, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._connected, self._stopping = threading.Event(), threading.Event()
        self._last_words = ""
        self._refused: dict[int, str] = {}
        self.num_connections = 0

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there."""
        return self._connected.is_set()

    @property
    def trouble(self) -> str:
        """Why there is no connection, for people; empty where there is one."""
        place = f"{self._config.host}:{self._config.port_in_use}"
        words = f"mqtt: not connected to the broker at {place}{self._last_words}; what is to be told waits for it"
        return "" if self.is_connected else words

    def start(self) -> None:
        """Begin to connect, and stay connected, in the library's thread."""
        self._client.connect_async(self._config.host, self._config.port_in_use, self._config.keepalive_seconds)
        self._client.loop_start()

    def wait_connected(self) -> None:
        """Wait a little for the connection.

        Raises:
            TellingError: There is none.
        """
        deadline = time.monotonic() + _CONNECT_SECONDS
        while not self._connected.wait(_POLL_SECONDS):
            if self._stopping.is_set() or time.monotonic() > deadline:
                raise TellingError(self.trouble, pause_seconds=0.0)

    def publish(self, publications: Sequence[Publication]) -> dict[str, str]:
        """Publish in order, and return when the broker has acknowledged all, through however many connections.

        Returns:
            The reasons of those that the broker refused, by topic; only a broker of version 5 says so.

        Raises:
            TellingError: We are to stop, and there is no connection.
        """
        answers = [(each.topic, self._hand_over(each, _AT_LEAST_ONCE)) for each in publications]
        for _, answer in answers:
            self._await(answer)
        return {topic: self._refused.pop(answer.mid) for topic, answer in answers if answer.mid in self._refused}

    def publish_if_connected(self, publication: Publication) -> None:
        """Publish something that may be lost; never waits."""
        if self.is_connected:
            self._hand_over(publication, _AT_MOST_ONCE)

    def retained(self, *topic_filters: str) -> dict[str, str]:
        """Return what the broker keeps at the topics of some filters.

        A broker answers in order: once it has acknowledged what we publish after we subscribed, it has sent what it
        keeps. Where it does not, or may not say, something is missing in the answer.
        """
        found: dict[str, str] = {}

        def note(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
            if message.retain:
                found[message.topic] = message.payload.decode("utf-8", "replace")

        for topic_filter in topic_filters:
            self._client.message_callback_add(topic_filter, note)
            self._client.subscribe(topic_filter, _AT_MOST_ONCE)
        try:
            self.publish([Publication(self._availability_topic, OFFLINE, True)])  # not yet ready
        finally:
            for topic_filter in topic_filters:
                self._client.unsubscribe(topic_filter)
                self._client.message_callback_remove(topic_filter)
        return found

    def stop(self) -> None:
        """Let nobody wait any longer for a broker who is away."""
        self._stopping.set()

    def close(self) -> None:
        """Say goodbye, and disconnect."""
        self.stop()
        if self.is_connected:
            goodbye = self._hand_over(Publication(self._availability_topic, OFFLINE, True), _AT_LEAST_ONCE)
            goodbye.wait_for_publish(_GOODBYE_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def _hand_over(self, publication: Publication, quality: int) -> MQTTMessageInfo:
        from paho.mqtt.enums import MQTTErrorCode

        answer = self._client.publish(publication.topic, publication.payload, quality, publication.is_retained)
        if answer.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:
            answer.rc = MQTTErrorCode.MQTT_ERR_SUCCESS  # it waits in the library's queue: not an error to wait for
        return answer

    def _await(self, answer: MQTTMessageInfo) -> None:
        while not answer.is_published():
            if self._stopping.is_set() and not self.is_connected:
                raise TellingError(self.trouble, pause_seconds=0.0)
            answer.wait_for_publish(_POLL_SECONDS)

    def _on_connect(self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            self._last_words = f": it answered '{reason}'"
            return
        self.num_connections += 1
        self._last_words = ""
        self._connected.set()

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        self._last_words = ": nobody answers there, or TLS failed"

    def _on_disconnect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._connected.clear()
        self._last_words = self._last_words or f": the connection ended with '{reason}'"

    def _on_publish(
        self, _client: Client, _userdata: Any, message_id: int, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._refused[message_id] = str(reason)
