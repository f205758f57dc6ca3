"""From what the index and the log hold to the plain documents that people and scripts read.

Law: pure; the keys here are a contract (a command's: ``id``, ``index``, ``time``, ``loop``,
``session``, ``target``, ``identity``, ``effects``, ``objects``, ``action``, ``text``,
``arguments``, ``verdict``, ``rule``, ``outcome``, ``rows``). What does not apply is null.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from custody.index import IndexedEvent
from custody.model.durations import moment
from custody.model.record import ErrorReport, Response, StoredRecord, Stream

Item = dict[str, Any]
Document = dict[str, Any]


def event_item(event: IndexedEvent) -> Item:
    return {
        "id": event.id,
        "kind": event.kind,
        "log": event.log,
        "index": event.index,
        "time": moment(event.time),
        "loop": event.loop or None,
        "session": event.session or None,
        "target": event.target or None,
        "identity": event.identity or None,
        "effects": list(event.effects),
        "objects": list(event.objects),
        "action": event.action or None,
        "text": event.text,
        "arguments": list(event.arguments),
        "verdict": event.verdict or None,
        "rule": event.rule or None,
        "outcome": event.outcome or None,
        "committed": event.committed or None,
        "rows": event.rows,
        "detail": dict(event.detail),
    }


def session_item(
    event: IndexedEvent, counts: Mapping[str, int], refused: Mapping[str, int]
) -> Item:
    """A session, from its start; counts are for those whose end told none."""
    detail = event.detail
    return {
        "id": event.session,
        "index": event.index,
        "time": moment(event.time),
        "loop": event.loop or None,
        "target": event.target,
        "identity": event.identity,
        "issuer": event.issuer,
        "protocol": detail.get("protocol"),
        "client": detail.get("client"),
        "user": detail.get("user"),
        "database": detail.get("database"),
        "application": detail.get("application"),
        "tls": detail.get("tls"),
        "ended": _ended(detail),
        "reason": detail.get("reason"),
        "commands": detail.get("commands", counts.get(event.session, 0)),
        "refused": detail.get("refused", refused.get(event.session, 0)),
    }


def loop_item(
    event: IndexedEvent,
    sessions: Mapping[str, int],
    commands: Mapping[str, int],
    refused: Mapping[str, int],
) -> Item:
    detail = event.detail
    return {
        "id": event.loop,
        "index": event.index,
        "time": moment(event.time),
        "identity": event.identity,
        "issuer": event.issuer,
        "groups": detail.get("groups", []),
        "purpose": detail.get("purpose", ""),
        "on_behalf_of": detail.get("on_behalf_of", ""),
        "parent": detail.get("parent"),
        "ticket": detail.get("ticket"),
        "expires": moment(detail["expires"]) if "expires" in detail else None,
        "ended": _ended(detail),
        "reason": detail.get("reason"),
        "sessions": sessions.get(event.loop, 0),
        "commands": commands.get(event.loop, 0),
        "refused": refused.get(event.loop, 0),
    }


def _ended(detail: Mapping[str, Any]) -> str | None:
    return moment(detail["ended"]) if "ended" in detail else None


def response_document(response: Response) -> Item:
    """Everything that came back and was kept."""
    return {
        "outcome": response.outcome.value,
        "tag": response.tag,
        "rows": response.rows,
        "bytes": response.bytes,
        "duration_us": response.duration_us,
        "columns": [{"name": each.name, "type": each.type} for each in response.columns],
        "captured": [list(row) for row in response.captured],
        "truncated": response.truncated,
        "error": None if response.error is None else _report(response.error),
        "notices": [_report(each) for each in response.notices],
        "notices_dropped": response.notices_dropped,
        "digest": response.digest or None,
        "arguments": [each.value for each in response.arguments],
    }


def stream_document(stream: Stream) -> Item:
    return {
        "direction": stream.direction,
        "kind": stream.kind,
        "bytes": stream.bytes,
        "announced": stream.announced,
        "columns": [{"name": each.name, "type": each.type} for each in stream.columns],
        "captured": [list(row) for row in stream.captured],
        "truncated": stream.truncated,
        "digest": stream.digest or None,
    }


def record_document(record: StoredRecord) -> Item:
    """A record's masked body, whole, field by field."""
    document = msgspec.to_builtins(record.body)
    return document if isinstance(document, dict) else {}


def _report(report: ErrorReport) -> Item:
    return {
        "severity": report.severity,
        "code": report.code,
        "message": report.message,
        "detail": report.detail,
        "hint": report.hint,
        "context": report.context,
    }
