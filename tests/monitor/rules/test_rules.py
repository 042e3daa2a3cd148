"""What is told, by whom, and the reason in words; long stories of a rule against slow twins."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aed.detect.event import Event
from aed.detect.thresholds import NodeThreshold, NodeThresholds
from aed.errors import ConfigError, OntologyError
from aed.monitor.messages import Outcome
from aed.monitor.rules.rules import Decision, RuleBook, Sound
from tests.fake_scorer import small_taxonomy
from tests.monitor.made_monitor import STARTED_AT, rule_book

TREE = small_taxonomy()


def sound(
    name: str = "Dog",
    onset: float = 0.0,
    length: float = 1.0,
    score: float = 0.9,
    source: str = "room",
    level: float = -20.0,
    **peaks: float,
) -> Sound:
    node = TREE.find(name)
    event = Event(onset, onset + length, node, TREE.nodes[node].id, name, TREE.path_names(node), score)
    peak = np.zeros(TREE.num_nodes, np.float32)
    for other, probability in peaks.items():
        peak[TREE.find(other)] = probability
    return Sound(f"{name}-{onset}", source, event, peak, level, STARTED_AT + timedelta(seconds=onset))


def rule(**settings: Any) -> dict[str, Any]:
    return {"name": "it", "sounds": ["Animal"], **settings}


def judged(book: RuleBook, *sounds: Sound) -> list[bool]:
    return [book.judge(each).is_reported for each in sounds]


def why(decision: Decision) -> str:
    assert decision.outcome is Outcome.HELD_BACK
    return decision.reason


def test_a_rule_covers_what_is_below_its_node_and_nothing_else() -> None:
    book = rule_book(rules=[rule()])
    assert judged(book, sound("Dog"), sound("Animal"), sound("Glass")) == [True, True, False]
    nobody = book.judge(sound("Glass", 9.0))
    assert (nobody.rule, nobody.reason) == (None, "no rule is about Glass")
    assert book.judge(sound("Dog")).sinks == ("a", "b")


def test_without_rules_everything_is_told_that_has_a_name() -> None:
    decision = rule_book().judge(sound("Glass"))
    assert (decision.is_reported, decision.rule) == (True, "whatever has a name")
    assert decision.reason == "rule 'whatever has a name': Glass 0.90, -20 dBFS"
    assert judged(rule_book(), sound("Dog"), sound("Animal")) == [True, False]


def test_a_threshold_is_one_on_the_node_that_the_rule_names() -> None:
    book = rule_book(rules=[rule(threshold=0.8)])
    assert why(book.judge(sound(score=0.6, Animal=0.7))) == "rule 'it': Animal 0.70, the rule 'it' needs 0.80"
    told = book.judge(sound(score=0.6, Animal=0.85))
    assert told.reason == "rule 'it': Animal 0.85 (from 0.80 on), -20 dBFS"


def test_the_deepest_rule_decides_and_of_two_the_first_that_tells() -> None:
    rules = [rule(tell=["a"]), {"name": "no dogs", "sounds": ["Dog"], "tell": []}]
    book = rule_book(rules=rules)
    assert why(book.judge(sound("Dog"))) == "rule 'no dogs': it tells nobody"
    assert book.judge(sound("Cat")).sinks == ("a",)
    two = rule_book(rules=[rule(threshold=0.95, tell=["a"]), rule(name="other", tell=["b"])])
    assert two.judge(sound(score=0.99)).sinks == ("a",)
    assert two.judge(sound(score=0.6, onset=5.0)).sinks == ("b",)


def test_a_rule_is_about_its_sources() -> None:
    book = rule_book(rules=[rule(sources=["garden"])], sources={"garden": "mic:1", "room": "mic:2"})
    assert judged(book, sound(source="room"), sound(source="garden")) == [False, True]


def test_quiet_sounds_are_held_back_by_all_three_who_can_ask() -> None:
    quiet = sound(level=-50.0)
    assert "-50.0 dBFS at its loudest, min_volume needs -40.0" in why(rule_book(min_volume=-40).judge(quiet))
    of_source = rule_book(min_volume=-40, sources={"room": {"address": "mic:", "min_volume": -60}})
    assert judged(of_source, quiet) == [True]
    by_filter = rule_book(filters={"Animal": {"min_volume": -45}})
    assert "the filter 'Animal' needs -45.0 dBFS" in why(by_filter.judge(quiet))
    assert "the rule 'it' needs -30.0 dBFS" in why(rule_book(rules=[rule(min_volume=-30)]).judge(quiet))


def test_a_filter_asks_for_its_node_whatever_the_rule() -> None:
    book = rule_book(listen=["Dog", "Cat"], filters={"Dog": {"threshold": 0.8}})
    assert why(book.judge(sound("Dog", score=0.7))) == "Dog 0.70, the filter 'Dog' needs 0.80"
    assert judged(book, sound("Dog", 1, score=0.85), sound("Cat", 2, score=0.6)) == [True, True]


def test_hold_waits_and_tells_once_it_lasted() -> None:
    book = rule_book(rules=[rule(hold_seconds=2)])
    assert why(book.judge(sound(length=0.7))) == "rule 'it': lasted 0.7 s, it must hold 2 s"
    assert "lasted 2.1 s (from 2 s on)" in book.judge(sound(length=2.1)).reason


def test_quiet_hours_go_by_the_clock_of_the_time_zone_and_end() -> None:
    config = {"rules": [rule(quiet_hours=["13:00-13:30"])], "time_zone": "Europe/Berlin"}
    book = rule_book(**config)  # STARTED_AT is 13:00 in Berlin
    assert why(book.judge(sound())) == "rule 'it': quiet hours 13:00-13:30, and it was Sun 13:00"
    assert judged(book, sound(onset=1700.0, length=99.0), sound(onset=1700.0, length=101.0)) == [False, True]


def test_a_budget_takes_the_measured_threshold_and_no_other() -> None:
    dog = NodeThreshold(min_probability=0.77, false_alarms=0, most_per_day=0.4)
    measured = NodeThresholds(
        weights="0", false_alarms_per_day=1.0, confidence=0.9, hours=99, recordings=1, nodes={"d": dog}
    )
    config = {"rules": [{"name": "it", "sounds": ["Dog"], "false_alarms_per_day": 0.5}]}
    book = rule_book(thresholds=measured, **config)
    assert judged(book, sound(score=0.7), sound(score=0.8)) == [False, True]
    assert book.node_probabilities() == {"d": 0.77}
    with pytest.raises(ConfigError, match=r"asks for 0.5 false alarms a day, but .* run 'aed calibrate"):
        rule_book(**config)
    config["rules"][0]["false_alarms_per_day"] = 0.1
    with pytest.raises(ConfigError, match="but the model was calibrated for 1"):
        rule_book(thresholds=measured, **config)


def test_the_detector_hears_what_rules_and_filters_ask_for() -> None:
    book = rule_book(rules=[rule(threshold=0.3)], filters={"Animal": {"threshold": 0.4}, "Glass": {"threshold": 0.9}})
    assert book.node_probabilities() == {"a": pytest.approx(0.3), "g": pytest.approx(0.9)}


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"rules": [rule(sounds=["Dragon"])]}, OntologyError, "no node called 'Dragon'"),
        ({"filters": {"Dragon": {}}}, OntologyError, "no node called 'Dragon'"),
        ({"rules": [rule(tell=["pigeon"])]}, ConfigError, "to be told by 'pigeon': there are a, b"),
    ],
)
def test_what_is_not_there_is_refused(config: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        rule_book(**config)


stories = st.lists(
    st.tuples(st.floats(0.1, 30).map(lambda x: round(x, 1)), st.floats(0.7, 8).map(lambda x: round(x, 1))),
    min_size=1,
    max_size=30,
)
"""Pauses before sounds, and their lengths."""


def told_of(book: RuleBook, story: list[tuple[float, float]]) -> list[tuple[float, bool]]:
    """The end of each sound, and whether it was told then."""
    at, told = 0.0, []
    for pause, length in story:
        at += pause
        told.append((at + length, book.judge(sound(onset=at, length=length)).is_reported))
        at += length
    return told


@given(stories, st.floats(0.5, 60))
def test_two_reports_are_never_closer_than_the_cool_down_and_nothing_else_is_held_back(
    story: list[tuple[float, float]], pause: float
) -> None:
    told = told_of(rule_book(rules=[rule(cool_down_seconds=pause)]), story)
    times = [at for at, is_told in told if is_told]
    assert told[0][1]
    assert all(later - earlier >= pause for earlier, later in pairwise(times))
    for at, is_told in told:
        last = max((time for time in times if time < at), default=None)
        assert is_told == (last is None or at - last >= pause)


@given(stories, st.integers(2, 4), st.floats(1, 60))
def test_a_repeated_sound_is_told_when_it_was_heard_so_often_of_late(
    story: list[tuple[float, float]], times: int, within: float
) -> None:
    told = told_of(rule_book(rules=[rule(confirm={"times": times, "within_seconds": within})]), story)
    for at, is_told in told:
        of_late = sum(at - within < other <= at for other, _ in told)
        assert is_told == (of_late >= times)


def test_a_sound_counts_once_however_often_it_is_asked_about() -> None:
    book = rule_book(rules=[rule(confirm={"times": 2, "within_seconds": 60})])
    for length in (0.7, 1.0, 5.0, 9.0):
        reason = why(book.judge(sound(length=length)))
    assert reason == "rule 'it': heard 1 times within 60 s of 2"
    assert judged(book, sound(onset=20.0)) == [True]


def test_cool_down_and_counts_are_kept_by_source_and_forgotten_with_its_stream() -> None:
    book = rule_book(rules=[rule(cool_down_seconds=100)])
    sounds = [sound(), sound(onset=5), sound(onset=6, source="other"), sound(onset=7, source="other")]
    assert judged(book, *sounds) == [True, False, True, False]
    assert "told 5.0 s ago, and cools down for 100 s" in why(book.judge(sounds[1]))
    book.forget("room")
    assert judged(book, sound(onset=0.5), sound(onset=8, source="other")) == [True, False]


def test_a_cool_down_does_not_swallow_what_still_sounds_after_it() -> None:
    book = rule_book(rules=[rule(cool_down_seconds=10)])
    assert judged(book, sound(length=1), sound(onset=8, length=1), sound(onset=8, length=4)) == [True, False, True]
