"""Reading from ARM: every answer is a JSON object, or an error that says in a sentence what it was instead."""

from __future__ import annotations

import gzip
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from azure.core.rest import HttpRequest
from misbehaving import (
    NOW,
    SECRET,
    TOKEN,
    Answer,
    Server,
    Watch,
    closed_port,
    error,
    misbehaving,
    reading,
    secret,
    timed,
)

from azremedy.azure import ArmReader, open_reader
from azremedy.errors import Exit, Incomplete, ReadError, SignInError, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VMS = "/subscriptions/1/providers/Microsoft.Compute/virtualMachines"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        yield made


@pytest.fixture
def reader(server: Server) -> Iterator[ArmReader]:
    with timed(server, Watch()) as made:
        yield made


def test_reads_an_object_and_knows_when_arm_wrote_it(server: Server, reader: ArmReader) -> None:
    server.on(VMS, Answer({"value": [{"name": "sql1"}]}))

    assert reader.get(VMS, {"api-version": "2026-04-01", "$filter": "a eq 'b c'"}) == {
        "value": [{"name": "sql1"}]
    }
    assert reader.now == NOW
    assert reader.sent == 1
    [asked] = server.requests(VMS)
    assert asked.path.endswith("?api-version=2026-04-01&$filter=a%20eq%20%27b%20c%27")


def test_names_itself_the_run_and_the_request(server: Server, reader: ArmReader) -> None:
    server.on(VMS, Answer({}))

    reader.get(VMS)
    reader.get(VMS)

    first, second = (one.headers for one in server.requests(VMS))
    assert first["Authorization"] == f"Bearer {TOKEN}"
    assert first["User-Agent"].startswith("azremedy/")
    assert first["x-ms-correlation-request-id"] == second["x-ms-correlation-request-id"] == reader.correlation
    assert first["x-ms-client-request-id"] != second["x-ms-client-request-id"]


def test_has_no_time_before_the_first_answer(reader: ArmReader) -> None:
    with pytest.raises(ReadError, match="has not told the time"):
        _ = reader.now


def test_keeps_the_newest_time_and_ignores_dates_without_sense(server: Server, reader: ArmReader) -> None:
    server.on(
        VMS,
        Answer({}, headers={"Date": "Sun, 22 Nov 2026 08:00:00 GMT"}),
        Answer({}, headers={"Date": "Sun, 22 Nov 2026 07:59:59 GMT"}),
        Answer({}, headers={"Date": "tomorrow"}),
    )
    for _ in range(3):
        reader.get(VMS)

    assert reader.now.isoformat() == "2026-11-22T08:00:00+00:00"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(
            b"<html><body>Sign in to the portal</body></html>", "no JSON.*'<html><body>Sign in", id="html"
        ),
        pytest.param(b"", "an empty body", id="empty"),
        pytest.param(b'{"value": [{"na', "no JSON", id="cut short, with a matching length"),
        pytest.param(b'{"value": oops}', "no JSON", id="malformed"),
        pytest.param(b"null", "no JSON object.*'null'", id="null"),
        pytest.param(b"[1, 2]", "no JSON object", id="list"),
        pytest.param(b'"text"', "no JSON object", id="text"),
        pytest.param('{"name": "Überlast"}'.encode("latin-1"), "not UTF-8", id="latin-1"),
        pytest.param('{"name": "x"}'.encode("utf-16"), "no JSON", id="utf-16"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="nested"),
    ],
)
def test_an_answer_that_is_not_arms_is_shown_in_part(
    server: Server, reader: ArmReader, body: bytes, told: str
) -> None:
    server.on(VMS, Answer(body))

    with pytest.raises(ReadError, match=told) as raised:
        reader.get(VMS)
    assert raised.value.code == "NotArm"
    assert raised.value.status == 200
    assert raised.value.exit == Exit.INCOMPLETE
    assert len(server.requests(VMS)) == 1


def test_a_snippet_is_short_and_holds_no_control_characters(server: Server, reader: ArmReader) -> None:
    server.on(VMS, Answer(b"\x1b[31mred\x07\r\n" + b"x" * 5000))

    with pytest.raises(ReadError) as raised:
        reader.get(VMS)
    assert raised.value.reason.isprintable()
    assert "[31mred" in raised.value.reason
    assert len(raised.value.reason) < 200


def test_reads_gzip_and_a_byte_order_mark(server: Server, reader: ArmReader) -> None:
    packed = gzip.compress(b'\xef\xbb\xbf{"value": []}')
    server.on(VMS, Answer(packed, headers={"Content-Encoding": "gzip"}))

    assert reader.get(VMS) == {"value": []}


def test_gzip_that_is_none_is_an_error_not_a_traceback(server: Server, reader: ArmReader) -> None:
    server.on(VMS, Answer(b"\x1f\x8bnonsense", headers={"Content-Encoding": "gzip"}))

    with pytest.raises(ReadError, match="cannot be decompressed") as raised:
        reader.get(VMS)
    assert raised.value.code == "Garbled"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Answer({"value": []}, promised=100), id="shorter than its length"),
        pytest.param(Answer(chunk=b'{"value": ['), id="chunks without an end"),
        pytest.param(Answer(closes=True), id="no answer at all"),
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again(
    server: Server, reader: ArmReader, broken: Answer
) -> None:
    server.on(VMS, broken, Answer({"value": [1]}))

    assert reader.get(VMS) == {"value": [1]}
    assert len(server.requests(VMS)) == 2


@pytest.mark.parametrize(
    ("broken", "code", "told"),
    [
        pytest.param(
            Answer({}, promised=9), "Truncated", "broke off before its end", id="shorter than its length"
        ),
        pytest.param(Answer(chunk=b"{"), "Truncated", "broke off before its end", id="chunks without an end"),
        pytest.param(Answer(closes=True), "Lost", "closed the connection", id="no answer at all"),
    ],
)
def test_an_answer_that_always_breaks_off_is_given_up(
    server: Server, reader: ArmReader, broken: Answer, code: str, told: str
) -> None:
    server.on(VMS, broken)

    with pytest.raises(ReadError, match=told) as raised:
        reader.get(VMS)
    assert raised.value.code == code
    assert len(server.requests(VMS)) == 6


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        pytest.param(
            error(403, "AuthorizationFailed", "The client 'x' may not do 'y' over scope 'z'."),
            "AuthorizationFailed",
            "The client 'x' may not do 'y' over scope 'z'.",
            id="forbidden",
        ),
        pytest.param(error(404, "ResourceNotFound", "gone"), "ResourceNotFound", "gone", id="not found"),
        pytest.param(
            Answer({"code": "Flat", "message": "told"}, 400), "Flat", "told", id="without a wrapper"
        ),
        pytest.param(
            Answer({"odata.error": {"code": "Old", "message": {"value": "told"}}}, 400),
            "Old",
            "told",
            id="odata",
        ),
        pytest.param(Answer({"error": "text", "message": "told"}, 400), "text", "told", id="error as text"),
        pytest.param(
            Answer({"error": None}, 400),
            "Http400",
            "ARM answered 400 with '{\"error\": null}'.",
            id="null error",
        ),
        pytest.param(
            Answer(b"<h1>Bad Gateway</h1>", 403),
            "Http403",
            "ARM answered 403 with '<h1>Bad Gateway</h1>'.",
            id="html",
        ),
        pytest.param(Answer(b"", 400), "Http400", "ARM answered 400 with an empty body.", id="empty"),
        pytest.param(error(400, "C\x1b[2J", "\x1b]0;title\x07hi"), "C [2J", "]0;title hi", id="escapes"),
    ],
)
def test_an_error_of_arm_keeps_its_code_and_message(
    server: Server, reader: ArmReader, answer: Answer, code: str, reason: str
) -> None:
    server.on(VMS, answer)

    with pytest.raises(ReadError) as raised:
        reader.get(VMS)
    assert (raised.value.status, raised.value.code, raised.value.reason) == (answer.status, code, reason)


def test_a_refused_token_is_a_sign_in_error_that_names_the_tenant_flag(
    server: Server, reader: ArmReader
) -> None:
    server.on(VMS, error(401, "InvalidAuthenticationTokenTenant", "The token is from the wrong issuer."))

    with pytest.raises(
        SignInError, match=r"InvalidAuthenticationTokenTenant.*wrong issuer.*--tenant"
    ) as raised:
        reader.get(VMS)
    assert raised.value.exit == Exit.SIGN_IN


def test_follows_a_next_link_on_the_same_host(server: Server, reader: ArmReader) -> None:
    server.on("/page2", Answer({"value": [2]}))

    assert reader.get(f"{server.address}/page2?$skipToken=a%2Fb") == {"value": [2]}
    [asked] = server.requests("/page2")
    assert asked.path == "/page2?$skipToken=a%2Fb"


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/page2",
        "https://127.0.0.1/page2",
        "http://{host}/page2",
        "https://user@{host}/page2",
        "https://{host}@elsewhere.example/page2",
        "https://elsewhere.example\\@{host}/page2",
        "https://elsewhere.example#@{host}/page2",
        "https://elsewhere.example?@{host}/page2",
        " https://{host}/page2",
        "HTTPS://[::1",
        "ftp://{host}/page2",
    ],
)
def test_never_follows_a_next_link_to_anywhere_else(server: Server, reader: ArmReader, link: str) -> None:
    with pytest.raises(ReadError, match="not followed") as raised:
        reader.get(link.format(host=server.host))
    assert raised.value.code == "ForeignHost"
    assert server.requests("/page2") == []
    assert reader.sent == 0


@pytest.mark.parametrize(
    "path", ["//elsewhere.example/x", "@elsewhere.example/x", ".elsewhere.example/x", "x"]
)
def test_a_path_never_changes_the_host(server: Server, reader: ArmReader, path: str) -> None:
    with pytest.raises(ReadError, match="nothing at"):
        reader.get(path)
    assert reader.sent == 1


def test_does_not_follow_a_redirect(server: Server, reader: ArmReader) -> None:
    server.on(VMS, Answer(b"", 302, {"Location": f"{server.address}/elsewhere"}))

    with pytest.raises(ReadError, match="redirect") as raised:
        reader.get(VMS)
    assert raised.value.code == "Redirected"
    assert server.requests("/elsewhere") == []


def test_an_unregistered_provider_is_not_registered(server: Server, reader: ArmReader) -> None:
    server.on(VMS, error(409, "MissingSubscriptionRegistration", "not registered"))

    with pytest.raises(ReadError, match="not registered"):
        reader.get(VMS)
    assert [one.method for one in server.asked if "/oauth2/" not in one.path] == [
        "GET",
        "GET",
    ]  # openid, then VMs


def test_an_untrusted_certificate_is_incomplete_at_once_and_names_the_variable(
    server: Server, tmp_path: Path
) -> None:
    start = time.monotonic()

    with pytest.raises(Incomplete, match=r"not trusted \(.*certificate.*\): set REQUESTS_CA_BUNDLE"):
        open_reader(server.cloud, secret=secret(), environ={})
    assert time.monotonic() - start < 5


def test_a_port_that_closes_after_sign_in_is_given_up_after_two_seconds(tmp_path: Path) -> None:
    watch = Watch()
    with misbehaving(tmp_path) as server:
        reader = timed(server, watch)
    with reader, pytest.raises(ReadError, match=r"Nothing answers at 127\.0\.0\.1") as raised:
        reader.get(VMS)
    assert raised.value.code == "ConnectionRefused"
    assert 0 < sum(watch.slept) <= 2


def test_a_closed_port_is_incomplete(server: Server) -> None:
    port = closed_port()
    cloud = type(server.cloud)("x", f"https://127.0.0.1:{port}", f"https://127.0.0.1:{port}", "https://x")

    with pytest.raises(Incomplete, match=f"Nothing answers at 127.0.0.1:{port}"):
        open_reader(cloud, secret=secret(), ca=server.ca, environ={})


def test_after_the_deadline_every_read_is_refused_at_once(server: Server) -> None:
    watch = Watch()
    with timed(server, watch, deadline=30) as reader:
        server.on(VMS, Answer({}))
        reader.get(VMS)
        watch.now += 31

        with pytest.raises(ReadError, match="deadline of 30 s") as raised:
            reader.get(VMS)
    assert raised.value.code == "DeadlineReached"
    assert len(server.requests(VMS)) == 1


def test_a_wait_that_would_pass_the_deadline_is_not_begun(server: Server) -> None:
    watch = Watch()
    server.on(VMS, error(429, "Throttled", "later", **{"Retry-After": "60"}))

    with timed(server, watch, deadline=30) as reader, pytest.raises(ReadError) as raised:
        reader.get(VMS)
    assert raised.value.code == "DeadlineReached"
    assert watch.slept == []


def test_a_slow_answer_is_cut_at_the_deadline(server: Server) -> None:
    server.on(VMS, Answer({}, delay=1.5))
    start = time.monotonic()

    with reading(server, deadline=0.7) as reader, pytest.raises(ReadError) as raised:
        reader.get(VMS)
    assert raised.value.code == "DeadlineReached"
    assert time.monotonic() - start < 1.4


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "gzip"])
def test_an_answer_that_drips_is_cut_at_the_deadline(headers: dict[str, str], server: Server) -> None:
    body = os.urandom(40) if not headers else gzip.compress(os.urandom(4000), 0)
    server.on(VMS, Answer(body, drips=0.1, headers=headers))
    start = time.monotonic()

    with reading(server, deadline=0.7) as reader, pytest.raises(ReadError) as raised:
        reader.get(VMS)
    assert raised.value.code == "DeadlineReached"
    assert time.monotonic() - start < 2


def test_closing_wakes_up_who_waits(server: Server) -> None:
    server.on(VMS, error(429, "Throttled", "later", **{"Retry-After": "100"}))
    with ThreadPoolExecutor(1) as pool:
        with reading(server) as reader:
            waiting = pool.submit(reader.get, VMS)
            while not server.requests(VMS):
                time.sleep(0.01)
        with pytest.raises(ReadError, match="ended"):
            waiting.result(timeout=5)


def test_sixteen_threads_share_one_token_and_lose_nothing(server: Server) -> None:
    for number in range(100):
        server.on(f"/n/{number}", Answer({"number": number}))
    with reading(server) as reader, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: reader.get(f"/n/{number}"), range(100)))

    assert [one["number"] for one in answers] == list(range(100))
    assert reader.sent == 100
    assert server.tokens == 1


def test_the_log_has_every_attempt_and_no_secret(server: Server) -> None:
    lines: list[str] = []
    server.on(
        VMS,
        error(500, "Oops", "hidden-body"),
        Answer({"value": "hidden-body"}, headers={"x-ms-request-id": "r1"}),
    )
    with reading(server, log=lines.append) as reader:
        reader.get(
            VMS, {"api-version": "2026-04-01", "sig": "hidden-signature", "$skipToken": "hidden-token"}
        )

    first, second = lines
    assert f"GET {server.address}{VMS}?api-version=2026-04-01&sig=…&$skipToken=… -> 500 in " in first
    assert second.endswith("ms [r1]")
    logged = "\n".join(lines)
    assert not [found for found in ("hidden", TOKEN, SECRET, "Bearer", "Authorization") if found in logged]


def test_the_log_names_what_went_wrong(server: Server, tmp_path: Path) -> None:
    lines: list[str] = []
    server.on(VMS, Answer(closes=True), Answer({}))
    with reading(server, log=lines.append) as reader:
        reader.get(VMS)

    assert " -> Lost in " in lines[0]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_a_write_never_leaves_through_a_readers_own_pipeline(
    server: Server, reader: ArmReader, method: str
) -> None:
    with pytest.raises(WriteRefused):
        reader._client.send_request(HttpRequest(method, f"{server.address}{VMS}"))

    assert server.requests(VMS) == []
