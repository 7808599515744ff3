"""What is measured, in Prometheus' terms. One Metrics an application: nothing is shared between two of them."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far the indexes are behind: items by state, the oldest due one's age in seconds, rows not in memory yet."""

    waiting: int
    leased: int
    parked: int
    oldest_due: float
    behind: int


class Metrics:
    """The instruments of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def seconds(name: str, what: str, labels: tuple[str, ...] = ()) -> Histogram:
            return Histogram(f"matchmaker_{name}_seconds", what, labels, registry=self._registry, buckets=_BUCKETS)

        self._requests = seconds("request", "Time of a request", ("route", "status"))
        self._engine = {
            "encode": seconds("encode", "Time of one query's encode, what was refused included"),
            "search": seconds("search", "Time of one search of the engine, its encode included"),
        }

    def requested(self, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is a pattern, of which there are few."""
        self._requests.labels(route, status).observe(seconds)

    def observe(self, what: str, seconds: float) -> None:
        """See LocalEngine.observe."""
        self._engine[what].observe(seconds)

    def exposition(self, backlog: Backlog | None) -> bytes:
        """All figures as text; those of the database only where it told them."""
        return generate_latest(self._registry) + generate_latest(_of_database(backlog))


def _of_database(backlog: Backlog | None) -> CollectorRegistry:
    """Made anew for each scrape, so that nothing outdated is told while the database is down."""
    registry = CollectorRegistry()

    def gauge(name: str, what: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"matchmaker_{name}", what, labels, registry=registry)

    gauge("database_up", "Whether the database answers").set(backlog is not None)
    if backlog:
        depth = gauge("outbox_items", "Work owed to the indexes, by state", ("state",))
        for state in ("waiting", "leased", "parked"):
            depth.labels(state).set(getattr(backlog, state))
        gauge("outbox_oldest_due_seconds", "Age of the oldest item that is due; 0 without one").set(backlog.oldest_due)
        gauge("index_lag_rows", "Rows of the database that this process's memory lacks").set(backlog.behind)
    return registry
