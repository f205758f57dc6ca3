"""The figures of a running gateway, in Prometheus' words.

Law: gathered when somebody asks, from plain numbers that others count; nothing on the way of a
command knows of this. No label holds an identity, a session, a loop or SQL: labels are closed
words. Base units, ``_total`` for what only grows (Prometheus, "Metric and label naming").
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from custody import __version__
from custody.evidence import Log
from custody.gateway import GatewayCounts, LongMasking, Meter, ParserPool, Registry

Indexed = Callable[[], Mapping[str, object] | None]


class GatewayFigures(Collector):
    """``indexed`` gives how many records of which log are indexed, as a reading's answer says it;
    it may wait for a disk.
    """

    def __init__(
        self,
        *,
        log: Log,
        counts: GatewayCounts,
        registry: Registry,
        meter: Meter,
        parser: ParserPool,
        masking: LongMasking,
        indexed: Indexed,
    ) -> None:
        self._log: Final = log
        self._counts: Final = counts
        self._registry: Final = registry
        self._meter: Final = meter
        self._parser: Final = parser
        self._masking: Final = masking
        self._indexed: Final = indexed
        self._started: Final = time.time()
        self._exposed: Final = CollectorRegistry()
        self._exposed.register(self)

    def exposition(self) -> bytes:
        """Prometheus' text format. It waits as ``indexed`` does: not for the event loop."""
        return bytes(generate_latest(self._exposed))

    def describe(self) -> Iterator[Metric]:
        """Nothing ahead: the registry has no other collector whose names could be the same."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("custody_build_info", "This gateway.", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build
        yield _gauge("custody_start_time_seconds", "Unix time of the start.", self._started)
        yield from self._of_work()
        yield from self._of_log()
        yield _gauge("custody_sessions", "Sessions that are open.", len(self._registry))
        yield _gauge("custody_loops", "Loops that are open.", self._meter.open_loops)
        waiting = self._parser.waiting
        yield _gauge("custody_parser_waiting", "Texts that wait for a parser worker.", waiting)
        lost = CounterMetricFamily("custody_parser_workers_lost", "Parser workers replaced.")
        lost.add_metric((), self._parser.lost)
        yield lost
        waiting = self._masking.waiting
        yield _gauge("custody_masking_waiting", "Long records that wait to be masked.", waiting)
        yield _gauge("custody_resident_memory_bytes", "Of the main process.", _resident())

    def _of_work(self) -> Iterator[Metric]:
        # Copies: the event loop counts on while this runs beside it.
        counts = self._counts
        commands = CounterMetricFamily(
            "custody_commands", "Commands judged and recorded.", labels=("protocol", "verdict")
        )
        for (protocol, verdict), number in counts.commands.copy().items():
            commands.add_metric((protocol, str(verdict)), number)
        yield commands
        for name, help_text, label, counted in (
            ("custody_refusals", "Messages that were not forwarded.", "code", counts.refusals),
            ("custody_sessions_begun", "Sessions that came in.", "protocol", counts.sessions),
            ("custody_logins_refused", "Callers turned away.", "protocol", counts.logins_refused),
        ):
            family = CounterMetricFamily(name, help_text, labels=(label,))
            for key, number in counted.copy().items():
                family.add_metric((str(key),), number)
            yield family

    def _of_log(self) -> Iterator[Metric]:
        log = self._log
        yield _gauge("custody_log_size", "Records of this year's log.", log.size)
        yield _gauge("custody_log_durable_size", "Those on disk.", log.durable_size)
        yield _gauge("custody_log_signed_size", "Those under a signature.", log.signed_size)
        yield _gauge("custody_log_accepting", "1 while commands are recorded.", log.accepting)
        fault = log.publish_fault is not None
        yield _gauge("custody_log_publish_fault", "1 while nothing can be signed.", fault)
        times = log.sync_times
        counted, reached, buckets = list(times.counts), 0, []
        for bound, number in zip(times.BOUNDS_NS, counted, strict=False):
            reached += number
            buckets.append((f"{bound / 1e9:g}", reached))
        buckets.append(("+Inf", sum(counted)))
        syncs = HistogramMetricFamily("custody_record_sync_seconds", "Syncs of the evidence log.")
        syncs.add_metric((), buckets, times.total_ns / 1e9)
        yield syncs
        indexed = self._indexed()
        if indexed is not None and indexed.get("log") == log.origin:
            lag = max(0, log.durable_size - int(str(indexed["records"])))
            yield _gauge("custody_index_lag_records", "Durable records not searchable yet.", lag)


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, float(value))


def _resident() -> int:
    """Bytes; 0 where the system does not say (proc(5), ``statm``)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
