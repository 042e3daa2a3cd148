"""`home.yaml`: what is written there is what is done, and what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from aed.detect.detector import DetectorConfig
from aed.errors import ConfigError
from aed.monitor.config import MonitorConfig, load_config
from tests.fake_scorer import small_taxonomy

HOME = """\
model: home.onnx
folder: memory
sources:
  kitchen: "mic:"
  garden: {address: "rtsp://camera/stream", min_volume: -50}
listen: [Glass]
filters:
  Dog: {threshold: 0.8}
min_volume: -60
max_not_heard: 2
longest_event_seconds: 600
time_zone: Europe/Berlin
rules:
- name: animals
  sounds: [Animal]
  threshold: 0.3
  hold_seconds: 2
  confirm: {times: 3, within_seconds: 60}
  cool_down_seconds: 300
  quiet_hours: ["22:00-07:00"]
  sources: [garden]
  tell: [mqtt]
loud_sound: {level: -10}
clips: {keep: all}
voices: band_limit
retention: {days: 3, megabytes: 100}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home.yaml").write_text(HOME)
    return tmp_path / "home.yaml"


def test_a_whole_file(home: Path) -> None:
    config = load_config(home)
    assert config.sources["kitchen"].address == "mic:"
    assert config.sources["garden"].min_volume == -50
    assert [rule.name for rule in config.all_rules()] == ["animals", "Glass"]
    assert config.tellers() == ("mqtt",)
    taxonomy = small_taxonomy()
    book = config.rule_book(taxonomy, None, ("mqtt",))
    usual = DetectorConfig(node_probabilities={"Cat": 0.2, "Dog": 0.9})
    detector = config.detector_config(usual, book, taxonomy)
    assert (detector.merge_gap_seconds, detector.max_event_seconds) == (2, 600)
    found = dict(zip([node.name for node in taxonomy.nodes], detector.probabilities(taxonomy), strict=True))
    expected = {"Animal": 0.3, "Dog": 0.8, "Cat": 0.2, "Glass": 0.5}
    assert {name: round(float(found[name]), 3) for name in expected} == expected


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("voices: band_limit", "voicez: keep", "line 25: unknown key 'voicez'"),
        ("  hold_seconds: 2", "  hold_secs: 2", "line 17: unknown key 'rules.0.hold_secs'"),
        ("threshold: 0.3", "threshold: 3", "line 16: 'rules.0.threshold'"),
        ('"22:00-07:00"', '"22-7"', "line 20: 'rules.0.quiet_hours.0': Value error, quiet hours '22-7'"),
        ("Europe/Berlin", "Europe/Atlantis", "line 12: 'time_zone': Value error, there is no time zone"),
        ("min_volume: -60", "min_volume: 500", "line 9: 'min_volume': .*500 in Frigate is about -33 dBFS"),
        ("  kitchen:", "  my kitchen:", "a source is called by letters"),
        ("sources: [garden]", "sources: [cellar]", "rule 'animals' is about the source 'cellar'"),
        ("- name: animals", "- name: Glass", "two rules are called 'Glass'"),
        ("  threshold: 0.3", "  threshold: 0.3\n  false_alarms_per_day: 1", "give a threshold or false_alarms_per_day"),
        ("listen: [Glass]", "listen: [Glass", "not YAML"),
        ("voices: band_limit", "voices: !!python/object/apply:os.system [ls]", "cannot be read as YAML|not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(home: Path, old: str, new: str, words: str) -> None:
    assert old in HOME
    home.write_text(HOME.replace(old, new, 1))
    with pytest.raises(ConfigError, match=words):
        load_config(home)


def test_nothing_at_all_listens_to_everything() -> None:
    config = MonitorConfig()
    assert (config.all_rules(), config.voices, config.clips.keep) == ((), "drop", "reported")
    usual = DetectorConfig(node_probabilities={"Cat": 0.2})
    taxonomy = small_taxonomy()
    detector = config.detector_config(usual, config.rule_book(taxonomy, None, ()), taxonomy)
    assert (detector.probabilities(taxonomy) == usual.probabilities(taxonomy)).all()
