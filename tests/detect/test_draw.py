from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from aed.detect.draw import MOST_LANES, MOST_NODES, draw_timeline, drawn_nodes, event_lanes
from aed.detect.event import Event
from aed.detect.timeline import Timeline
from aed.errors import ConfigError, MissingExtraError
from aed.ontology.taxonomy import Taxonomy
from tests.detect.test_timeline import LAYOUT
from tests.fake_scorer import small_taxonomy
from tests.random_taxonomy import random_taxonomy


def recorded(taxonomy: Taxonomy, seconds: int) -> tuple[Timeline, list[Event]]:
    """A recording of noise bursts, and random probabilities and events."""
    generator = np.random.default_rng(seconds)
    timeline, events = Timeline(taxonomy, LAYOUT), []
    for start in range(0, seconds, 10):
        samples = generator.normal(0, 0.001, 160_000).astype(np.float32)
        samples[40_000:60_000] *= 100
        timeline.add_samples(samples)
        p = np.full((100, taxonomy.num_nodes), 0.03, dtype=np.float32)
        node = int(generator.choice(taxonomy.leaves))
        p[25:38, list(taxonomy.path(node))] = 0.9
        timeline.add_rows(p)
        name = taxonomy.nodes[node].name
        events.append(Event(start + 2.5, start + 3.8, node, name, name, taxonomy.path_names(node), 0.9))
    return timeline, events


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("seconds", [10, 3600])
def test_draws_short_and_long_recordings(tmp_path: Path, suffix: str, seconds: int) -> None:
    pytest.importorskip("matplotlib")
    timeline, events = recorded(small_taxonomy(), seconds)
    path = Path(os.environ.get("AED_KEEP_PICTURES", tmp_path)) / f"timeline{seconds}{suffix}"
    draw_timeline(timeline, events, path, "kitchen.wav")
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")
    assert len(data) > 10_000
    if suffix == ".svg":
        assert b"kitchen.wav" in data or b"kitchen" in data


def test_an_empty_recording_and_no_events_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_timeline(Timeline(small_taxonomy(), LAYOUT), [], tmp_path / "empty.png", "empty")
    assert (tmp_path / "empty.png").stat().st_size > 0


def test_a_large_tree_is_cut_to_what_can_be_read() -> None:
    taxonomy = random_taxonomy(np.random.default_rng(0), "multi", max_children=7)
    assert taxonomy.num_nodes > 2 * MOST_NODES
    timeline, events = recorded(taxonomy, 600)
    nodes, lanes = drawn_nodes(timeline, events), event_lanes(taxonomy, events)
    assert MOST_NODES // 2 < len(nodes) <= MOST_NODES
    assert 0 < len(lanes) <= MOST_LANES
    for node in nodes:
        assert set(taxonomy.path(node)) <= set(nodes), "a drawn node comes with its path"
        parent = taxonomy.nodes[node].parent
        assert parent == 0 or nodes.index(parent) < nodes.index(node)


def test_refuses_other_suffixes_and_names_the_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline = Timeline(small_taxonomy(), LAYOUT)
    with pytest.raises(ConfigError, match=r"ends in \.png or \.svg, got '\.gif'"):
        draw_timeline(timeline, [], tmp_path / "a.gif", "a")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"aed\[train\]"):
        draw_timeline(timeline, [], tmp_path / "a.png", "a")
