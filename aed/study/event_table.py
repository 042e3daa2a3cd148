"""An evaluation of events as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, isnan

from rich.box import SIMPLE_HEAD
from rich.table import Table

from aed.metrics.false_alarms import CONFIDENCE, FalseAlarms
from aed.ontology.taxonomy import Taxonomy
from aed.study.event_report import ConditionEvents, EventEvaluation, NodeEvents

_SECONDS_A_MINUTE = 60.0
_MINUTES_AN_HOUR = 60.0


def event_tables(found: EventEvaluation) -> Iterator[Table]:
    """Yield the table of all conditions, that of all nodes, and that of the nodes by ratio where there are several."""
    yield _conditions_table(found)
    yield _nodes_table(found.conditions[0], found.taxonomy)
    if len(found.conditions) > 1:
        yield _ratios_table(found)


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


def _nodes_table(condition: ConditionEvents, taxonomy: Taxonomy) -> Table:
    headings = ("node", "events", "sources", "found", "delay", "PSDS 1", "PSDS 2", "event F1", "segm. F1", "AP")
    table = _table(
        f"nodes; in brackets what the rate is at most, with {CONFIDENCE:.0%} confidence; indented: a kind of the above",
        (*headings, "false/hour", "false/day", "silent min."),
    )
    left_out = {node.node for node in quiet_nodes(condition)}
    by_node = {node.node: node for node in condition.nodes}
    for place in taxonomy.depth_first():
        if place in by_node and place not in left_out:
            table.add_row(*_node_row(by_node[place], taxonomy))
    return table


def _node_row(node: NodeEvents, taxonomy: Taxonomy) -> tuple[str, ...]:
    alarms = node.false_alarms
    has_events = node.found.events > 0
    return (
        _indented(node, taxonomy),
        str(node.found.events),
        "" if node.sources is None else str(node.sources),
        f"{node.found.share:.0%}" if has_events else "",
        f"{node.found.median_delay_seconds:.1f} s" if node.found.found else "",
        *(_share(value) if has_events else "" for value in (node.psds1, node.psds2, node.event_f1, node.segment_f1)),
        _share(node.precision.average_precision) if has_events else "",
        f"{_rate(alarms.per_hour)} ({_rate(alarms.most_per_hour())})",
        f"{_rate(alarms.per_day)} ({_rate(alarms.most_per_day())})",
        f"{alarms.unique_share * alarms.exposure_seconds / _SECONDS_A_MINUTE:.1f}",
    )


def _ratios_table(found: EventEvaluation) -> Table:
    conditions = found.conditions[1:]
    headings = [f"{what} {_ratio(each.snr_db)}" for what in ("found", "event F1", "false/h") for each in conditions]
    table = _table("nodes by SNR", ("node", *headings))
    by_node = [{node.node: node for node in each.nodes} for each in conditions]
    for place in found.taxonomy.depth_first():
        nodes = [of_condition[place] for of_condition in by_node if place in of_condition]
        if any(node.found.events for node in nodes):
            table.add_row(
                _indented(nodes[0], found.taxonomy),
                *(f"{node.found.share:.0%}" if node.found.events else "" for node in nodes),
                *(_share(node.event_f1) for node in nodes),
                *(_most(node.false_alarms) for node in nodes),
            )
    return table


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table


def _indented(node: NodeEvents, taxonomy: Taxonomy) -> str:
    return "  " * (taxonomy.nodes[node.node].depth - 1) + taxonomy.nodes[node.node].name


def _ratio(snr_db: float | None) -> str:
    return "all" if snr_db is None else f"{snr_db:g} dB"


def _share(value: float) -> str:
    return "-" if isnan(value) else f"{value:.3f}"


def _rate(value: float) -> str:
    return f"{value:.1f}" if isfinite(value) else "-"


def _most(alarms: FalseAlarms) -> str:
    return f"{_rate(alarms.per_hour)} ({_rate(alarms.most_per_hour())})"
