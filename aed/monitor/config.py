"""What a household writes into `home.yaml`: where to listen, what to tell of, what to keep.

Each part's settings stand beside what they configure; here they are put together, and the names that other programs
for the home have made familiar get their place (`listen`, `filters`, `min_volume`, `max_not_heard`, `retention`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from aed.detect.detector import DetectorConfig
from aed.detect.thresholds import NodeThresholds
from aed.errors import ConfigError
from aed.monitor.memory.clips import ClipsConfig
from aed.monitor.memory.privacy import Voices
from aed.monitor.memory.retention import RetentionConfig
from aed.monitor.rules.quiet_hours import find_time_zone
from aed.monitor.rules.rule_config import FilterConfig, Level, LoudSoundConfig, RuleConfig
from aed.monitor.rules.rules import RuleBook
from aed.monitor.telling.mqtt import MqttConfig
from aed.monitor.telling.notify import NotifyConfig
from aed.monitor.telling.prometheus import PrometheusConfig
from aed.monitor.telling.webhook import WebhookConfig
from aed.monitor.web.config import WebConfig
from aed.ontology.structure import Taxonomy
from aed.resources import DEFAULT_MODEL
from aed.settings import Settings
from aed.yaml_lines import first_problem, read_located_yaml

DEFAULT_FOLDER = Path("aed_monitor")
USUAL_RULE = "whatever has a name"
_SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _plain_name(name: str) -> str:
    if not _SOURCE_NAME.fullmatch(name):
        raise ValueError(f"a source is called by letters, digits, '_' and '-', such as living_room, got '{name}'")
    return name


def _known_zone(name: str) -> str:
    try:
        find_time_zone(name)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return name


class SourceConfig(Settings):
    """One source.

    Attributes:
        address: As `aed.monitor.sources.source` has it: mic:, a file, rtsp://camera/stream.
        min_volume: Least level of what is told of it; that of all sources where None.
    """

    address: str = Field(min_length=1)
    min_volume: Level | None = None


def _address_alone(value: Any) -> Any:
    return {"address": value} if isinstance(value, str) else value


class MonitorConfig(Settings):
    """All settings of a monitor.

    Attributes:
        model: Name of a shipped model, folder of a trained one, or an exported .onnx file.
        folder: Where the monitor keeps what it remembers.
        sources: Name -> address, or an object with the address and settings of that source.
        listen: Nodes of the tree to tell of, each a rule of its own; without it and without rules, everything that has
            a name below the tree's first level.
        filters: Node -> what it needs to be told by whatever rule.
        min_volume: Least level, in dBFS, of what is told.
        max_not_heard: A sound is over when it was not heard for so many seconds.
        longest_event_seconds: A sound that goes on is told in parts of this length; without it, it ends when it ends.
        time_zone: Of the quiet hours, such as Europe/Berlin; the computer's own where None.
        rules: When to tell, in the order in which they are asked.
        loud_sound: Tells of whatever is loud.
        clips: What is kept of the sound.
        voices: What happens to clips in which somebody is likely to speak.
        voice_threshold: From which P(voice) on that is likely.
        retention: How long to remember.
        mqtt: Telling over MQTT, to Home Assistant too; not where absent, as all that follow.
        webhook: Telling a web server.
        notify: Notifications to people.
        prometheus: A port of its own for Prometheus; its figures are at the dashboard's /metrics in any case.
        dashboard: The page; null for none.
    """

    model: Path = Path(DEFAULT_MODEL)
    folder: Path = DEFAULT_FOLDER
    sources: dict[
        Annotated[str, AfterValidator(_plain_name)], Annotated[SourceConfig, BeforeValidator(_address_alone)]
    ] = Field(default_factory=dict)
    listen: tuple[str, ...] = ()
    filters: dict[str, FilterConfig] = Field(default_factory=dict)
    min_volume: Level | None = None
    max_not_heard: float | None = Field(default=None, gt=0)
    longest_event_seconds: float | None = Field(default=None, gt=0)
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None
    rules: tuple[RuleConfig, ...] = ()
    loud_sound: LoudSoundConfig | None = None
    clips: ClipsConfig = ClipsConfig()
    voices: Voices = "drop"
    voice_threshold: float = Field(default=0.3, gt=0, lt=1)
    retention: RetentionConfig = RetentionConfig()
    mqtt: MqttConfig | None = None
    webhook: WebhookConfig | None = None
    notify: NotifyConfig | None = None
    prometheus: PrometheusConfig | None = None
    dashboard: WebConfig | None = WebConfig()

    @pydantic.model_validator(mode="after")
    def _names_are_told_apart(self) -> MonitorConfig:
        names = [rule.name for rule in self.all_rules()] + ([self.loud_sound.name] if self.loud_sound else [])
        if twins := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two rules are called '{min(twins)}': give one of them another name")
        for rule in [*self.rules, *([self.loud_sound] if self.loud_sound else [])]:
            if self.sources and (unknown := [name for name in rule.sources if name not in self.sources]):
                raise ValueError(
                    f"rule '{rule.name}' is about the source '{unknown[0]}': there are {', '.join(self.sources)}"
                )
        return self

    @property
    def zone(self) -> tzinfo | None:
        """Time zone of the quiet hours; None for the computer's own."""
        return None if self.time_zone is None else find_time_zone(self.time_zone)

    def all_rules(self) -> tuple[RuleConfig, ...]:
        """Return the rules, then one for each node of `listen`."""
        return (*self.rules, *(RuleConfig(name=name, sounds=(name,)) for name in self.listen))

    def tellers(self) -> tuple[str, ...]:
        """Return the names of all whom the rules name."""
        rules = [*self.rules, *([self.loud_sound] if self.loud_sound else [])]
        return tuple(dict.fromkeys(name for rule in rules for name in rule.tell or ()))

    def rule_book(self, taxonomy: Taxonomy, thresholds: NodeThresholds | None, sinks: tuple[str, ...]) -> RuleBook:
        """Return the rules for a tree.

        Raises:
            ConfigError: They do not fit the model or those who tell.
            OntologyError: The tree has no node of that name.
        """
        return RuleBook(
            self.all_rules() or (_usual_rule(taxonomy),),
            filters=self.filters,
            min_volumes={name: source.min_volume for name, source in self.sources.items()},
            min_volume=self.min_volume,
            loud_sound=self.loud_sound,
            taxonomy=taxonomy,
            thresholds=thresholds,
            sinks=sinks,
            zone=self.zone,
        )

    def detector_config(self, usual: DetectorConfig, rules: RuleBook, taxonomy: Taxonomy) -> DetectorConfig:
        """Return the settings of the detector: as the model was calibrated, and no deafer than a rule asks."""
        probabilities = usual.probabilities(taxonomy)
        sure = {node.id: float(least) for node, least in zip(taxonomy.nodes, probabilities, strict=True)}
        wanted = {node_id: min(least, sure[node_id]) for node_id, least in rules.node_probabilities().items()}
        changes: dict[str, Any] = {"node_probabilities": {**_by_id(usual.node_probabilities, taxonomy), **wanted}}
        if self.max_not_heard is not None:
            changes["merge_gap_seconds"] = self.max_not_heard
        if self.longest_event_seconds is not None:
            changes["max_event_seconds"] = self.longest_event_seconds
        return usual.with_changes(**changes)


def load_config(path: Path) -> MonitorConfig:
    """Read a `home.yaml`.

    Raises:
        ConfigError: Something in it is wrong; the message names the line.
    """
    located = read_located_yaml(path)
    try:
        return MonitorConfig.model_validate(located.content)
    except pydantic.ValidationError as error:
        raise first_problem(error, located) from error


def _usual_rule(taxonomy: Taxonomy) -> RuleConfig:
    """Tell of everything, but not that there was "an animal" or "a sound of a thing": that is only remembered."""
    first = taxonomy.children(0)
    named = [child for node in first for child in taxonomy.children(node) or (node,)]
    return RuleConfig(name=USUAL_RULE, sounds=tuple(taxonomy.nodes[node].id for node in named))


def _by_id(probabilities: Mapping[str, float], taxonomy: Taxonomy) -> dict[str, float]:
    return {taxonomy.nodes[taxonomy.find(name)].id: least for name, least in probabilities.items()}
