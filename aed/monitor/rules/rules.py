"""The rules: whether a sound is told, by which rule, to whom, and in words why or why not.

Of the rules that are about a sound the one that names the deepest node decides; where several name that node, the first
that tells it. A sound is judged when it begins, again while it lasts, until it is told, and once more when it is over:
what is too short, too unsure or too quiet at first may become enough. The checks, in this order:

    filters, threshold, min_volume, hold, confirm, tell, quiet hours, cool-down

All of it is measured in the time of the stream, as far as the sound has come; only quiet hours ask for the hour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

import numpy as np

from aed.detect.event import Event
from aed.detect.thresholds import NodeThresholds
from aed.errors import ConfigError
from aed.monitor.messages import Outcome
from aed.monitor.rules.quiet_hours import QuietHours, local_time
from aed.monitor.rules.rule_config import FilterConfig, LoudSoundConfig, RuleConfig, TellingConfig
from aed.ontology.structure import Taxonomy


@dataclass(frozen=True)
class Sound:
    """What is known of a sound when it is judged.

    Attributes:
        id: The same for the same sound.
        source: Where it was heard.
        event: As far as it has come, in the time of the stream.
        peak: `(node,)` highest P(node) so far; a node that is not known there has 0.
        level_dbfs: Loudest tenth of a second so far.
        onset: UTC.
    """

    id: str
    source: str
    event: Event
    peak: np.ndarray
    level_dbfs: float
    onset: datetime

    @property
    def length_seconds(self) -> float:
        """How long it has lasted."""
        return self.event.offset_seconds - self.event.onset_seconds

    @property
    def now(self) -> datetime:
        """The moment to which it has come, UTC."""
        return self.onset + timedelta(seconds=self.length_seconds)


@dataclass(frozen=True)
class Decision:
    """What the rules make of a sound.

    Attributes:
        outcome: Whether it is told.
        rule: Name of the rule that decided; None where none is about it.
        reason: Why, with figures.
        sinks: Who is to tell it.
    """

    outcome: Outcome
    rule: str | None
    reason: str
    sinks: tuple[str, ...] = ()

    @property
    def is_reported(self) -> bool:
        """Whether it is told."""
        return self.outcome is Outcome.REPORTED


class Finding(NamedTuple):
    """What one check found: whether the sound passes, and the figures in words."""

    passes: bool
    words: str


class RuleBook:
    """All rules, and what they remember: when they told something, and what they heard of late.

    Args:
        rules: In the order in which they are asked.
        filters: Node -> what it needs.
        min_volumes: Source -> least level in dBFS of what is told of it; that of all where None.
        min_volume: Least level in dBFS of what is told of any source; None for any.
        loud_sound: The rule for loud sounds.
        taxonomy: The tree.
        thresholds: What the model was calibrated to for a rate of false alarms.
        sinks: Names of all who can tell.
        zone: Time zone of the quiet hours; the computer's own without one.

    Raises:
        ConfigError: A rule names an unknown node, source or sink, or asks for thresholds that nobody measured.
    """

    def __init__(
        self,
        rules: Sequence[RuleConfig],
        *,
        filters: Mapping[str, FilterConfig],
        min_volumes: Mapping[str, float | None],
        min_volume: float | None,
        loud_sound: LoudSoundConfig | None,
        taxonomy: Taxonomy,
        thresholds: NodeThresholds | None,
        sinks: Sequence[str],
        zone: tzinfo | None = None,
    ) -> None:
        self._taxonomy, self._zone = taxonomy, zone
        self._min_volumes, self._min_volume = min_volumes, min_volume
        self._rules = [_Rule.of(rule, taxonomy, thresholds) for rule in rules]
        self._filters = {taxonomy.find(name): (name, needs) for name, needs in filters.items()}
        self._loud = None if loud_sound is None else _Rule(loud_sound.name, loud_sound, {0: None}, loud_sound.level)
        self._sinks = tuple(sinks)
        for rule in self._all():
            _check_names(rule, sinks)

    def judge(self, sound: Sound) -> Decision:
        """Say whether a sound is told; remembers that it was."""
        deciding = self._deciding(sound)
        if not deciding:
            return Decision(Outcome.HELD_BACK, None, f"no rule is about {sound.event.name}")
        for finding in self._filtered(sound):
            if not finding.passes:
                return Decision(Outcome.HELD_BACK, deciding[0].name, finding.words)
        decisions = [self._ask(rule, sound) for rule in deciding]
        return next((decision for decision in decisions if decision.is_reported), decisions[0])

    def judge_loud(self, sound: Sound) -> Decision:
        """Say whether a loud sound is told; remembers that it was."""
        assert self._loud is not None
        return self._ask(self._loud, sound)

    def forget(self, source: str) -> None:
        """Forget what was told and heard of a source: its stream begins anew, and so does its time."""
        for rule in self._all():
            rule.forget(source)

    def sinks_of(self, name: str | None) -> tuple[str, ...]:
        """Return who tells what a rule reports; all where there is no such rule any more."""
        return next((self._tellers(rule) for rule in self._all() if rule.name == name), self._sinks)

    def about(self, node: int, source: str) -> list[str]:
        """Return the names of the rules that decide about a node."""
        rules = [rule for rule in self._rules if rule.hears(source)]
        return [rule.name for rule in _deepest(rules, node, self._taxonomy)]

    def node_probabilities(self) -> dict[str, float]:
        """Return how sure the detector must be at most, by node id, so that no rule misses what it asks for."""
        wanted: dict[str, float] = {}
        asked = [pair for rule in self._rules for pair in rule.thresholds.items()]
        asked += [(node, needs.threshold) for node, (_, needs) in self._filters.items()]
        for node, threshold in asked:
            if threshold is not None and node != 0:
                node_id = self._taxonomy.nodes[node].id
                wanted[node_id] = min(threshold, wanted.get(node_id, 1.0))
        return wanted

    def _all(self) -> list[_Rule]:
        return [*self._rules, *([] if self._loud is None else [self._loud])]

    def _deciding(self, sound: Sound) -> list[_Rule]:
        rules = [rule for rule in self._rules if rule.hears(sound.source)]
        return _deepest(rules, sound.event.node, self._taxonomy)

    def _filtered(self, sound: Sound) -> list[Finding]:
        own = self._min_volumes.get(sound.source)
        findings = [self._volume(sound, self._min_volume if own is None else own, "min_volume")]
        for node in self._taxonomy.path(sound.event.node):
            if node in self._filters:
                name, needs = self._filters[node]
                findings.append(self._threshold(sound, node, needs.threshold, f"the filter '{name}'"))
                findings.append(self._volume(sound, needs.min_volume, f"the filter '{name}'"))
        return findings

    def _ask(self, rule: _Rule, sound: Sound) -> Decision:
        node = _deepest_named(rule, sound.event.node, self._taxonomy)
        findings = [
            self._threshold(sound, node, rule.thresholds.get(node), f"the rule '{rule.name}'"),
            self._volume(sound, rule.min_volume, f"the rule '{rule.name}'"),
            _hold(sound, rule.config.hold_seconds),
        ]
        if all(finding.passes for finding in findings):
            findings.append(rule.confirm(sound))
        if all(finding.passes for finding in findings):
            findings += [self._told(rule), self._quiet(rule, sound), rule.cool_down(sound)]
        against = next((finding.words for finding in findings if not finding.passes), None)
        if against is not None:
            return Decision(Outcome.HELD_BACK, rule.name, f"rule '{rule.name}': {against}")
        rule.told_at_seconds[sound.source] = sound.event.offset_seconds
        words = ", ".join(finding.words for finding in findings if finding.words)
        return Decision(Outcome.REPORTED, rule.name, f"rule '{rule.name}': {words}", self._tellers(rule))

    def _threshold(self, sound: Sound, node: int, least: float | None, who: str) -> Finding:
        inside = bool(self._taxonomy.ancestor_matrix[sound.event.node, node])
        probability = max(float(sound.peak[node]), sound.event.score if inside else 0.0)
        name = self._taxonomy.nodes[node].name if node else sound.event.name
        if least is None:
            return Finding(True, f"{sound.event.name} {sound.event.score:.2f}")
        if probability >= least:
            return Finding(True, f"{name} {probability:.2f} (from {least:.2f} on)")
        return Finding(False, f"{name} {probability:.2f}, {who} needs {least:.2f}")

    def _volume(self, sound: Sound, least_dbfs: float | None, who: str) -> Finding:
        if least_dbfs is None or sound.level_dbfs >= least_dbfs:
            return Finding(True, f"{sound.level_dbfs:.0f} dBFS")
        return Finding(False, f"{sound.level_dbfs:.1f} dBFS at its loudest, {who} needs {least_dbfs:.1f} dBFS")

    def _told(self, rule: _Rule) -> Finding:
        return Finding(True, "") if rule.config.tell != () else Finding(False, "it tells nobody")

    def _tellers(self, rule: _Rule) -> tuple[str, ...]:
        return self._sinks if rule.config.tell is None else rule.config.tell

    def _quiet(self, rule: _Rule, sound: Sound) -> Finding:
        local = local_time(sound.now, self._zone)
        hours = next((hours.text for hours in rule.quiet_hours if hours.covers(local)), None)
        return Finding(hours is None, "" if hours is None else f"quiet hours {hours}, and it was {local:%a %H:%M}")


class _Rule:
    """A rule whose names are resolved, and what it remembers.

    Args:
        name: What it is called.
        config: As it was written.
        thresholds: Node that it names -> least P(node); None as the model was calibrated.
        min_volume: Least level in dBFS.
    """

    def __init__(
        self, name: str, config: TellingConfig, thresholds: Mapping[int, float | None], min_volume: float | None
    ) -> None:
        self.name, self.config, self.thresholds, self.min_volume = name, config, thresholds, min_volume
        self.quiet_hours = [QuietHours.parse(text) for text in config.quiet_hours]
        self.told_at_seconds: dict[str, float] = {}
        self._heard: dict[str, deque[tuple[str, float]]] = {}

    @classmethod
    def of(cls, config: RuleConfig, taxonomy: Taxonomy, thresholds: NodeThresholds | None) -> _Rule:
        """Resolve a rule's names.

        Raises:
            ConfigError: A node is unknown, or the model has no thresholds for the wished rate of false alarms.
            OntologyError: The tree has no node of that name.
        """
        nodes = [taxonomy.find(name) for name in config.sounds]
        budget = config.false_alarms_per_day
        if budget is None:
            return cls(config.name, config, dict.fromkeys(nodes, config.threshold), config.min_volume)
        found = {node: _within_budget(config.name, budget, taxonomy, node, thresholds) for node in nodes}
        return cls(config.name, config, found, config.min_volume)

    def hears(self, source: str) -> bool:
        """Return whether the rule is about a source."""
        return not self.config.sources or source in self.config.sources

    def forget(self, source: str) -> None:
        """Forget what was told and heard of a source."""
        self.told_at_seconds.pop(source, None)
        self._heard.pop(source, None)

    def confirm(self, sound: Sound) -> Finding:
        """Count a sound that passed all checks about itself, once, and see whether that is often enough."""
        asked, now = self.config.confirm, sound.event.offset_seconds
        if asked is None:
            return Finding(True, "")
        heard = self._heard.setdefault(sound.source, deque())
        if sound.id not in {sound_id for sound_id, _ in heard}:
            heard.append((sound.id, now))
        while heard and heard[0][1] <= now - asked.within_seconds:
            heard.popleft()
        words = f"heard {len(heard)} times within {asked.within_seconds:g} s"
        return Finding(len(heard) >= asked.times, words if len(heard) >= asked.times else f"{words} of {asked.times}")

    def cool_down(self, sound: Sound) -> Finding:
        """See whether the rule told something of the source a short time ago."""
        last, pause = self.told_at_seconds.get(sound.source), self.config.cool_down_seconds
        if last is None or (since := sound.event.offset_seconds - last) >= pause:
            return Finding(True, "")
        return Finding(False, f"told {since:.1f} s ago, and cools down for {pause:g} s")


def _hold(sound: Sound, least_seconds: float) -> Finding:
    if least_seconds == 0:
        return Finding(True, "")
    words = f"lasted {sound.length_seconds:.1f} s"
    if sound.length_seconds >= least_seconds:
        return Finding(True, f"{words} (from {least_seconds:g} s on)")
    return Finding(False, f"{words}, it must hold {least_seconds:g} s")


def _deepest(rules: Sequence[_Rule], node: int, taxonomy: Taxonomy) -> list[_Rule]:
    """The rules that name a node or, of those above it, the nearest one; in their order."""
    named = {rule: _deepest_named(rule, node, taxonomy) for rule in rules if _names(rule, node, taxonomy)}
    deepest = max((taxonomy.nodes[index].depth for index in named.values()), default=0)
    return [rule for rule, index in named.items() if taxonomy.nodes[index].depth == deepest]


def _names(rule: _Rule, node: int, taxonomy: Taxonomy) -> list[int]:
    return [named for named in rule.thresholds if taxonomy.ancestor_matrix[node, named]]


def _deepest_named(rule: _Rule, node: int, taxonomy: Taxonomy) -> int:
    return max(_names(rule, node, taxonomy), key=lambda index: taxonomy.nodes[index].depth)


def _within_budget(rule: str, budget: float, taxonomy: Taxonomy, node: int, thresholds: NodeThresholds | None) -> float:
    """The threshold that keeps a node within a rate of false alarms."""
    known = taxonomy.nodes[node]
    how = f"run 'aed calibrate --false-alarms-per-day {budget:g} --on RECORDINGS', or give the rule a threshold"
    found = None if thresholds is None else thresholds.nodes.get(known.id)
    if found is None:
        raise ConfigError(
            f"rule '{rule}' asks for {budget:g} false alarms a day, but the model has no measured threshold for "
            f"{known.name}: {how}"
        )
    assert thresholds is not None
    if min(found.most_per_day, thresholds.false_alarms_per_day) > budget:
        raise ConfigError(
            f"rule '{rule}' asks for {budget:g} false alarms of {known.name} a day, but the model was calibrated for "
            f"{thresholds.false_alarms_per_day:g}: {how}"
        )
    return found.min_probability


def _check_names(rule: _Rule, sinks: Sequence[str]) -> None:
    for sink in rule.config.tell or ():
        if sink not in sinks:
            there = f"there are {', '.join(sinks)}" if sinks else "nobody tells anything here"
            raise ConfigError(f"rule '{rule.name}' is to be told by '{sink}': {there}")
