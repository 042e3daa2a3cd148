"""An evaluation of events as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, isnan

from rich.box import SIMPLE_HEAD
from rich.table import Table

from aed.metrics.false_alarms import CONFIDENCE
from aed.ontology.taxonomy import Taxonomy
from aed.study.event_report import ConditionEvents, EventEvaluation, NodeEvents

_MINUTES_AN_HOUR = 60.0
_LARGE = 100.0
"""Rates from here on are told without a decimal."""
_WIDEST_NAME = 26
"""Characters of a node's name; `--json` has all of it."""


def event_tables(found: EventEvaluation) -> Iterator[Table]:
    """Yield the tables of conditions, of found events, of these by ratio where there are several, of false alarms."""
    yield _conditions_table(found)
    yield _found_table(found.conditions[0], found.taxonomy)
    if len(found.conditions) > 1:
        yield _ratios_table(found)
    yield _false_alarms_table(found)


def quiet_nodes(condition: ConditionEvents) -> tuple[NodeEvents, ...]:
    """Return the nodes without an event and without a false alarm, which the tables leave out."""
    return tuple(node for node in condition.nodes if not node.found.events and not node.false_alarms.count)


def _conditions_table(found: EventEvaluation) -> Table:
    headings = ("SNR", "recordings", "minutes", "heard once", "PSDS 1", "PSDS 2", "event F1", "segment F1", "mean AP")
    table = _table("events", headings)
    for condition in found.conditions:
        table.add_row(
            _ratio(condition.snr_db),
            str(condition.recordings),
            f"{condition.hours * _MINUTES_AN_HOUR:.1f}",
            f"{condition.unique_hours * _MINUTES_AN_HOUR:.1f}",
            *(_share(value) for value in (condition.psds1, condition.psds2)),
            *(_share(value) for value in (condition.event_f1, condition.segment_f1)),
            _share(condition.mean_average_precision),
        )
    return table


def _found_table(condition: ConditionEvents, taxonomy: Taxonomy) -> Table:
    headings = ("events", "found", "delay", "PSDS\n1", "PSDS\n2", "event\nF1", "segm.\nF1", "AP")
    table = _table("nodes with events/distinct sources; indented: a kind of the one above", ("node", *headings))
    for node in _in_tree_order(condition, taxonomy):
        if node.found.events:
            table.add_row(_indented(node, taxonomy), *_found_row(node))
    return table


def _found_row(node: NodeEvents) -> tuple[str, ...]:
    events = str(node.found.events)
    return (
        events if node.sources is None else f"{events}/{node.sources}",
        f"{node.found.share:.0%}",
        f"{node.found.median_delay_seconds:.1f} s" if node.found.found else "",
        *(_share(value) for value in (node.psds1, node.psds2, node.event_f1, node.segment_f1)),
        _share(node.precision.average_precision),
    )


def _ratios_table(found: EventEvaluation) -> Table:
    conditions = found.conditions[1:]
    headings = [f"{what}\n{_ratio(each.snr_db)}" for what in ("found", "F1") for each in conditions]
    table = _table("nodes with events by SNR; F1 of events", ("node", *headings))
    by_node = [{node.node: node for node in each.nodes} for each in conditions]
    for node in _in_tree_order(found.conditions[0], found.taxonomy):
        if node.found.events:
            nodes = [of_condition[node.node] for of_condition in by_node]
            shares = [f"{each.found.share:.0%}" if each.found.events else "" for each in nodes]
            table.add_row(_indented(node, found.taxonomy), *shares, *(_share(each.event_f1) for each in nodes))
    return table


def _false_alarms_table(found: EventEvaluation) -> Table:
    names = [_ratio(condition.snr_db) for condition in found.conditions]
    several = len(found.conditions) > 1
    headings = [f"an hour\n{name}" if several else "an hour" for name in names]
    title = f"false alarms; in brackets the highest rate that fits what was heard, with {CONFIDENCE:.0%} confidence"
    table = _table(title, ("node", "silent\nmin.", *headings, "a day"))
    quiet = {node.node for node in quiet_nodes(found.conditions[0])}
    by_node = [{node.node: node.false_alarms for node in each.nodes} for each in found.conditions]
    for node in _in_tree_order(found.conditions[0], found.taxonomy):
        if node.node not in quiet:
            alarms = node.false_alarms
            table.add_row(
                _indented(node, found.taxonomy),
                f"{alarms.unique_hours * _MINUTES_AN_HOUR:.1f}",
                *(_rate(each[node.node].per_hour, each[node.node].most_per_hour()) for each in by_node),
                _rate(alarms.per_day, alarms.most_per_day()),
            )
    return table


def _in_tree_order(condition: ConditionEvents, taxonomy: Taxonomy) -> Iterator[NodeEvents]:
    by_node = {node.node: node for node in condition.nodes}
    return (by_node[place] for place in taxonomy.depth_first() if place in by_node)


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column(headings[0], no_wrap=True, max_width=_WIDEST_NAME)
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def _indented(node: NodeEvents, taxonomy: Taxonomy) -> str:
    return "  " * (taxonomy.nodes[node.node].depth - 1) + taxonomy.nodes[node.node].name


def _ratio(snr_db: float | None) -> str:
    return "all" if snr_db is None else f"{snr_db:g} dB"


def _share(value: float) -> str:
    return "-" if isnan(value) else f"{value:.2f}"


def _rate(value: float, most: float) -> str:
    return f"{_number(value)} ({_number(most)})" if isfinite(most) else "-"


def _number(value: float) -> str:
    return f"{value:.1f}" if value < _LARGE else f"{value:.0f}"
