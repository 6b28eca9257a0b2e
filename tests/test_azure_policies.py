"""What a request passes through: one retry layer, ARM's quota, and nothing that writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from azure.core.pipeline import Pipeline
from azure.core.rest import HttpRequest, HttpResponse
from misbehaving import Answer, Server, Watch, error, misbehaving, timed

from azremedy.azure.buckets import Bucket
from azremedy.azure.pace import Pace
from azremedy.azure.policies import ReadOnly, Retry
from azremedy.azure.transport import Session, requests_transport
from azremedy.errors import ReadError, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VMS, NICS = "/subscriptions/1/vms", "/subscriptions/1/nics"
GRAPH = "/providers/Microsoft.ResourceGraph/resources"
REMAINING = "x-ms-ratelimit-remaining-subscription-reads"
QUERIES = "x-ms-user-quota-remaining"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        yield made


def throttled(**headers: str) -> Answer:
    return error(429, "SubscriptionRequestsThrottled", "later", **headers)


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        pytest.param({"Retry-After": "7"}, 7, id="seconds"),
        pytest.param({"Retry-After": "0.5"}, 0.5, id="half a second"),
        pytest.param({"Retry-After": "Sun, 22 Nov 2026 07:00:09 GMT"}, 9, id="a date, by ARM's own clock"),
        pytest.param({"x-ms-retry-after-ms": "250", "Retry-After": "9"}, 0.25, id="milliseconds"),
        pytest.param({"Retry-After": "86400"}, 120, id="a day, capped"),
        pytest.param({"Retry-After": "Mon, 23 Nov 2026 07:00:00 GMT"}, 120, id="a date tomorrow, capped"),
    ],
)
def test_waits_as_long_as_arm_asks(server: Server, headers: dict[str, str], waited: float) -> None:
    watch = Watch()
    server.on(VMS, throttled(**headers), Answer({"value": []}))

    with timed(server, watch) as reader:
        assert reader.get(VMS) == {"value": []}
    assert sum(watch.slept) == pytest.approx(waited)


@pytest.mark.parametrize(
    "nonsense", ["soon", "-5", "0", "nan", "inf", "Sun, 22 Nov 2020 07:00:00 GMT", "Sun, 99", "9" * 400]
)
def test_waits_a_moment_where_retry_after_makes_no_sense(server: Server, nonsense: str) -> None:
    watch = Watch()
    server.on(VMS, throttled(**{"Retry-After": nonsense}), Answer({}))

    with timed(server, watch) as reader:
        reader.get(VMS)
    [waited] = watch.slept
    assert 0.5 <= waited <= 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_reads_again_after_a_transient_error(server: Server, status: int) -> None:
    server.on(VMS, error(status, "Oops", "oops"), Answer({"value": []}))

    with timed(server, Watch()) as reader:
        assert reader.get(VMS) == {"value": []}
        assert reader.sent == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 501])
def test_does_not_ask_again_what_was_answered_for_good(server: Server, status: int) -> None:
    server.on(VMS, error(status, "No", "no", **{"Retry-After": "1"}))

    with timed(server, Watch()) as reader:
        with pytest.raises(ReadError, match="no"):
            reader.get(VMS)
        assert reader.sent == 1


@pytest.mark.parametrize(("status", "attempts"), [(503, 6), (429, 12)])
def test_gives_up_in_the_end_and_tells_the_last_answer(server: Server, status: int, attempts: int) -> None:
    watch = Watch()
    server.on(VMS, error(status, "Busy", "still busy"))

    with timed(server, watch) as reader:
        with pytest.raises(ReadError, match="still busy") as raised:
            reader.get(VMS)
        assert reader.sent == attempts
    assert (raised.value.status, raised.value.code) == (status, "Busy")
    assert watch.slept[:5] == sorted(watch.slept[:5])


def test_a_429_makes_every_other_request_wait_too(server: Server) -> None:
    server.on(VMS, throttled(**{"Retry-After": "30"}), Answer({}))
    server.on(NICS, Answer({}))
    begun, asked_at = Barrier(2), list[float]()
    watch = Watch()

    def read_nics() -> None:
        begun.wait(timeout=5)
        reader.get(NICS)
        asked_at.append(watch.now)

    class WhileAsleep(Watch):
        def sleep(self, seconds: float) -> None:
            if not other.done() and not begun.broken and begun.n_waiting:
                begun.wait(timeout=5)
                other.result(timeout=5)
            super().sleep(seconds)

    watch = WhileAsleep()
    with ThreadPoolExecutor(1) as pool, timed(server, watch) as reader:
        other = pool.submit(read_nics)
        reader.get(VMS)
    assert asked_at == [1030]


def test_a_429_makes_no_other_subscription_wait(server: Server) -> None:
    server.on(VMS, throttled(**{"Retry-After": "30"}), Answer({}))
    server.on("/subscriptions/2/vms", Answer({}))

    class WhileAsleep(Watch):
        def sleep(self, seconds: float) -> None:
            reader.get("/subscriptions/2/vms")
            asked_at.append(self.now)
            super().sleep(seconds)

    watch, asked_at = WhileAsleep(), list[float]()
    with timed(server, watch) as reader:
        reader.get(VMS)
    assert asked_at == [1000]


def test_what_is_left_is_spent_and_an_empty_bucket_is_looked_at_once_a_second(server: Server) -> None:
    """A bucket of 3 that gains 2 a second: 3 at once, then 2 for every second of waiting, and never a 429."""
    watch = Watch()
    server.on(VMS, *(Answer({}, headers={REMAINING: left}) for left in ["2", "1", "0", "1", "0", "1", "0"]))

    with timed(server, watch, workers=16) as reader:
        asked = [watch.now for _ in range(7) if reader.get(VMS) == {}]
    assert [moment - asked[0] for moment in asked] == [0, 0, 0, 1, 1, 2, 2]
    assert watch.slept == [1, 1]


def test_what_is_in_flight_is_not_left(server: Server) -> None:
    """Of 5 that are left when 4 more are under way, one is there for the next."""
    bucket = Bucket(Pace(now=lambda: 0.0, sleep=nobody_waits))
    first, *_ = (bucket.take() for _ in range(5))
    bucket.learn(first, 5)
    bucket.take()
    with pytest.raises(AssertionError, match="waited 1"):
        bucket.take()


def nobody_waits(seconds: float) -> None:
    raise AssertionError(f"waited {seconds:g}")


def _through(server: Server, *requests: HttpRequest) -> list[int]:
    watch = Watch()
    pace = Pace(now=lambda: watch.now, sleep=watch.sleep)
    with Session(ca=server.ca, environ={}) as session:
        pipeline: Pipeline[HttpRequest, HttpResponse] = Pipeline(
            requests_transport(session), [Retry(pace), ReadOnly()]
        )
        return [pipeline.run(one).http_response.status_code for one in requests]


VM = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", VM),
        ("PATCH", VM),
        ("DELETE", VM),
        ("POST", f"{VM}/restart"),
        ("POST", f"{VM}/runCommand"),
        ("POST", "/subscriptions/1/providers/Microsoft.Compute/register"),
        ("POST", f"{VM}/restart?then=/providers/Microsoft.ResourceGraph/resources"),
        ("POST", f"{VM}/restart#/providers/Microsoft.ResourceGraph/resources"),
        ("POST", f"{VM}/backupStatus"),
    ],
)
def test_a_write_never_leaves(server: Server, method: str, path: str) -> None:
    with pytest.raises(WriteRefused, match=f"{method} .* was not sent"):
        _through(server, HttpRequest(method, server.address + path))
    assert server.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01",
        "/subscriptions/1/providers/Microsoft.RecoveryServices/locations/westeurope/backupStatus",
        "/subscriptions/1/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n/effectiveRouteTable",
    ],
)
def test_a_post_that_only_reads_may_leave(server: Server, path: str) -> None:
    server.on(path.partition("?")[0], Answer({}))

    assert _through(server, HttpRequest("POST", server.address + path)) == [200]


def test_a_post_is_repeated_after_a_429_and_after_nothing_else(server: Server) -> None:
    status = "/subscriptions/1/providers/Microsoft.RecoveryServices/locations/westeurope/backupStatus"
    ask = HttpRequest("POST", server.address + status)
    server.on(status, throttled(), error(500, "Oops", "oops"), Answer({}))

    assert _through(server, ask) == [500]
    assert len(server.asked) == 2


def test_a_query_of_resource_graph_is_repeated_as_a_read_is(server: Server) -> None:
    server.on(GRAPH, error(503, "Oops", "oops"), throttled(), Answer({}))

    assert _through(server, HttpRequest("POST", server.address + GRAPH)) == [200]


def test_waits_until_the_quota_of_resource_graph_is_whole_again(server: Server) -> None:
    """Two are left, then one, then none for four seconds; a subscription's bucket has nothing to do with it."""
    watch = Watch()
    told = [{QUERIES: str(left), "x-ms-user-quota-resets-after": "00:00:04"} for left in (2, 1, 0, 14)]
    server.on(GRAPH, *(Answer({}, headers=headers) for headers in told))
    server.on(VMS, Answer({}, headers={REMAINING: "9"}))

    with timed(server, watch) as reader:
        for _ in range(3):
            reader.post_read(GRAPH, {})
        reader.get(VMS)
        assert watch.slept == []
        reader.post_read(GRAPH, {})
    assert sum(watch.slept) == pytest.approx(4)
