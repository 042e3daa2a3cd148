"""The monitor's memory: what was heard, why it was told or not, what is still to be told, what people said of it.

SQLite with a write-ahead log; a transaction that returned is on the disk, whatever happens next. An event and the
errands that it makes (one per sink and stage) are written in one transaction, before anybody is told: a kill leaves
both or neither. A sink takes its errands from here, in order, and strikes each one off once it is done.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from aed.detect.event import Event
from aed.errors import StorageError
from aed.monitor.messages import EventStage, HealthMessage, HeardEvent, Outcome

DATABASE_NAME = "events.sqlite"
FORMAT = 1
_BUSY_SECONDS = 30.0
_SCHEMA = """
create table if not exists events (
    id text primary key, source text not null, node integer not null, node_id text not null, name text not null,
    path text not null, onset_seconds real not null, offset_seconds real not null, score real not null, beat text,
    onset_ms integer not null, offset_ms integer, level_dbfs real not null, outcome text not null, rule text,
    reason text not null, clip text, clip_note text not null);
create index if not exists events_by_time on events (onset_ms);
create table if not exists errands (
    key integer primary key autoincrement, sink text not null, event text not null references events (id)
    on delete cascade, stage text not null, unique (sink, event, stage));
create index if not exists errands_by_event on errands (event);
create table if not exists marks (
    event text primary key references events (id) on delete cascade, verdict text not null, node_id text,
    marked_ms integer not null);
create table if not exists health (
    key integer primary key autoincrement, source text not null, time_ms integer not null, complaint text not null,
    is_over integer not null, message text not null);
"""
_EVENT_COLUMNS = (
    "id, source, node, node_id, name, path, onset_seconds, offset_seconds, score, beat, onset_ms, offset_ms, "
    "level_dbfs, outcome, rule, reason, clip, clip_note"
)
_COLUMN_NAMES = tuple(name.strip() for name in _EVENT_COLUMNS.split(","))
_SAVE = (
    f"insert into events ({_EVENT_COLUMNS}) values ({', '.join('?' * len(_COLUMN_NAMES))}) "
    "on conflict (id) do update set " + ", ".join(f"{name} = excluded.{name}" for name in _COLUMN_NAMES[1:])
)


class Verdict(StrEnum):
    """What a person says of an event."""

    RIGHT = "right"
    WRONG = "wrong"
    OTHER = "other"


@dataclass(frozen=True)
class Mark:
    """What a person said of an event.

    Attributes:
        event_id: Which event.
        verdict: Whether its answer is right, wrong, or should have been another.
        node_id: What it was, where the verdict is "other".
        time: When it was said, UTC.
    """

    event_id: str
    verdict: Verdict
    node_id: str | None
    time: datetime


@dataclass(frozen=True)
class Errand:
    """Something that a sink has still to tell.

    Attributes:
        key: To strike it off.
        stage: What about the event.
        heard: The event, as it is known now.
    """

    key: int
    stage: EventStage
    heard: HeardEvent


@dataclass(frozen=True)
class EventQuery:
    """Which events; None and empty stand for all.

    Attributes:
        since: Those that began at or after this time, UTC.
        until: Those that began before this time, UTC.
        source: Of one source.
        node: Of one node or those below it, by name.
        outcome: Told, or held back.
        text: In the name of the node or the reason.
        before_id: Those before this one, for paging.
        limit: At most so many, the newest ones.
    """

    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    node: str | None = None
    outcome: Outcome | None = None
    text: str = ""
    before_id: str | None = None
    limit: int = 100


class Store:
    """The database in a folder; may be used by many threads at once.

    Args:
        folder: Where it lies; made where it is missing.

    Raises:
        StorageError: It cannot be opened, or was written by a newer version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                folder / DATABASE_NAME, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
            self._database.execute("pragma foreign_keys = on")
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"cannot open the monitor's memory {folder / DATABASE_NAME}: {error}; check the folder, or name another"
            ) from error

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def save(self, heard: HeardEvent, stage: EventStage | None = None, sinks: Sequence[str] = ()) -> None:
        """Write an event, new or known, and what the sinks have to tell of it, in one transaction.

        Args:
            heard: The event.
            stage: What is to be told; None where nothing is.
            sinks: Who is to tell it.

        Raises:
            StorageError: The disk is full or broken; nothing was written.
        """
        with self._writing() as database:
            database.execute(_SAVE, _row_of(heard))
            if stage is not None:
                database.executemany(
                    "insert or ignore into errands (sink, event, stage) values (?, ?, ?)",
                    [(sink, heard.id, str(stage)) for sink in sinks],
                )

    def event(self, event_id: str) -> HeardEvent | None:
        """Return an event; None where there is none of that id."""
        rows = self._select(f"select {_EVENT_COLUMNS} from events where id = ?", [event_id])
        return _event_of(rows[0]) if rows else None

    def events(self, query: EventQuery | None = None) -> list[HeardEvent]:
        """Return events, the newest first."""
        query = query or EventQuery()
        conditions, values = _conditions(query)
        where = " and ".join(conditions) or "1"
        rows = self._select(
            f"select {_EVENT_COLUMNS} from events where {where} order by onset_ms desc, id desc limit ?",
            [*values, query.limit],
        )
        return [_event_of(row) for row in rows]

    def unfinished(self) -> list[HeardEvent]:
        """Return the events without an end, the oldest first."""
        rows = self._select(f"select {_EVENT_COLUMNS} from events where offset_ms is null order by onset_ms", [])
        return [_event_of(row) for row in rows]

    def clips(self) -> dict[str, str]:
        """Return the clips that events name, by the id of the event."""
        return dict(self._select("select id, clip from events where clip is not null", []))

    def remove(self, event_ids: Sequence[str]) -> None:
        """Forget events, what was said of them and what was to be told of them.

        Raises:
            StorageError: The disk is full or broken.
        """
        with self._writing() as database:
            database.executemany("delete from events where id = ?", [(event_id,) for event_id in event_ids])

    def errands(self, sink: str, limit: int = 100) -> list[Errand]:
        """Return what a sink has still to tell, the oldest first."""
        rows = self._select(
            f"select errands.key, errands.stage, {_EVENT_COLUMNS} from errands join events on events.id = event "
            "where sink = ? order by key limit ?",
            [sink, limit],
        )
        return [Errand(row[0], EventStage(row[1]), _event_of(row[2:])) for row in rows]

    def num_errands(self) -> dict[str, int]:
        """Return how much each sink has still to tell; a sink that has nothing is not in it."""
        return dict(self._select("select sink, count(*) from errands group by sink", []))

    def strike_off(self, errand: Errand) -> None:
        """Remember that an errand is done.

        Raises:
            StorageError: The disk is full or broken.
        """
        with self._writing() as database:
            database.execute("delete from errands where key = ?", [errand.key])

    def mark(self, mark: Mark) -> None:
        """Remember what a person said of an event; what was said before is replaced.

        Raises:
            StorageError: There is no such event, or the disk is full or broken.
        """
        if self.event(mark.event_id) is None:
            raise StorageError(f"there is no event '{mark.event_id}': expected the id of one that is in the memory")
        with self._writing() as database:
            database.execute(
                "insert or replace into marks (event, verdict, node_id, marked_ms) values (?, ?, ?, ?)",
                [mark.event_id, str(mark.verdict), mark.node_id, _milliseconds(mark.time)],
            )

    def marks(self) -> dict[str, Mark]:
        """Return everything that people said, by the id of the event."""
        rows = self._select("select event, verdict, node_id, marked_ms from marks", [])
        return {row[0]: Mark(row[0], Verdict(row[1]), row[2], _datetime(row[3])) for row in rows}

    def note_health(self, message: HealthMessage) -> None:
        """Remember that something was wrong with a source, or is right again.

        Raises:
            StorageError: The disk is full or broken.
        """
        with self._writing() as database:
            database.execute(
                "insert into health (source, time_ms, complaint, is_over, message) values (?, ?, ?, ?, ?)",
                [
                    message.source,
                    _milliseconds(message.time),
                    message.complaint,
                    int(message.is_over),
                    message.message,
                ],
            )

    def health(self, limit: int = 100) -> list[HealthMessage]:
        """Return what was wrong with sources, the newest first."""
        rows = self._select(
            "select source, time_ms, complaint, is_over, message from health order by key desc limit ?", [limit]
        )
        return [HealthMessage(row[0], _datetime(row[1]), row[2], bool(row[3]), row[4]) for row in rows]

    def _select(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("begin immediate")
                yield self._database
                self._database.execute("commit")
            except sqlite3.Error as error:
                if self._database.in_transaction:
                    self._database.execute("rollback")
                raise StorageError(
                    f"cannot write into {self.folder / DATABASE_NAME}: {error}; free some space on the disk"
                ) from error

    def _migrate(self) -> None:
        (found,) = self._database.execute("pragma user_version").fetchone()
        if found > FORMAT:
            raise StorageError(
                f"the monitor's memory in {self.folder} has format {found}, this version of aed knows {FORMAT}: "
                "use a newer version, or another folder"
            )
        self._database.executescript(_SCHEMA)
        self._database.execute(f"pragma user_version = {FORMAT}")


def _row_of(heard: HeardEvent) -> list[Any]:
    event = heard.event
    return [
        *(heard.id, heard.source, event.node, event.node_id, event.name, json.dumps(event.path, ensure_ascii=False)),
        *(event.onset_seconds, event.offset_seconds, event.score, event.beat),
        *(_milliseconds(heard.onset), None if heard.offset is None else _milliseconds(heard.offset)),
        *(heard.level_dbfs, str(heard.outcome), heard.rule, heard.reason, heard.clip, heard.clip_note),
    ]


def _event_of(row: Sequence[Any]) -> HeardEvent:
    of = dict(zip(_COLUMN_NAMES, row, strict=True))
    event = Event(
        onset_seconds=of["onset_seconds"],
        offset_seconds=of["offset_seconds"],
        node=of["node"],
        node_id=of["node_id"],
        name=of["name"],
        path=tuple(json.loads(of["path"])),
        score=of["score"],
        beat=of["beat"],
    )
    return HeardEvent(
        id=of["id"],
        source=of["source"],
        event=event,
        onset=_datetime(of["onset_ms"]),
        offset=None if of["offset_ms"] is None else _datetime(of["offset_ms"]),
        level_dbfs=of["level_dbfs"],
        outcome=Outcome(of["outcome"]),
        rule=of["rule"],
        reason=of["reason"],
        clip=of["clip"],
        clip_note=of["clip_note"],
    )


def _conditions(query: EventQuery) -> tuple[list[str], list[Any]]:
    wanted: list[tuple[str, Sequence[Any]]] = []
    if query.since is not None:
        wanted.append(("onset_ms >= ?", [_milliseconds(query.since)]))
    if query.until is not None:
        wanted.append(("onset_ms < ?", [_milliseconds(query.until)]))
    if query.source is not None:
        wanted.append(("source = ?", [query.source]))
    if query.node is not None:
        wanted.append(("exists (select 1 from json_each(events.path) where value = ?)", [query.node]))
    if query.outcome is not None:
        wanted.append(("outcome = ?", [str(query.outcome)]))
    if query.text:
        wanted.append(("(instr(lower(name), lower(?)) or instr(lower(reason), lower(?)))", [query.text] * 2))
    if query.before_id is not None:
        wanted.append(
            ("(onset_ms, id) < (select onset_ms, id from events as other where other.id = ?)", [query.before_id])
        )
    return [condition for condition, _ in wanted], [value for _, values in wanted for value in values]


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
