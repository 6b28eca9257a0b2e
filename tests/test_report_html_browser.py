"""
The page of a scan in a real browser, from its file: nothing fetched, nothing interpreted, usable by all.

With `SCREENSHOTS=FOLDER` the page of the demo is kept there as pictures, light and dark.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import demo, full, multiplied, planned, renamed
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from azremedy.report import html
from azremedy.report.plain import plain

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
SCREENSHOTS = os.environ.get("SCREENSHOTS")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine to open the page in"),
]
LOCKED = "#table tr[data-cause=restore-point-lock]"
EVIL = "</script><img src=x onerror='window.evil=1'><script>window.evil=1</script>{}"


class Opened:
    """A page that was opened, and what it did beyond being read."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.file = file
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)
        page.goto(file.as_uri())

    def _said(self, message: ConsoleMessage) -> None:
        self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def shown(self) -> list[str]:
        """The names of the VMs in the table, from top to bottom."""
        return self.page.locator("#table tbody th > bdi").all_inner_texts()

    def harmless(self) -> bool:
        return self.complaints == [] and self.requests == [self.file.as_uri()]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def thousands(real: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of five thousand findings."""
    return written(multiplied(real, 5000), tmp_path_factory.mktemp("thousands"))


def written(whole: Any, folder: Path) -> Path:
    file = folder / "scan.html"
    file.write_text(html.text(whole), encoding="utf-8")
    return file


@pytest.fixture
def opened(browser: Browser, real: dict[str, Any], tmp_path: Path) -> Iterator[Opened]:
    """The page of the demo."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Opened(context.new_page(), written(real, tmp_path))
    context.close()


def test_the_page_opens_without_a_complaint_and_asks_for_nothing(opened: Opened) -> None:
    for summary in opened.page.locator("#table summary").all():
        summary.click()

    expect(opened.page).to_have_title(re.compile(r"^azremedy: demo, .* UTC$"))
    assert len(opened.shown()) == 15
    assert opened.harmless()


def test_a_search_narrows_the_table_and_says_how_many_are_left(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("searchbox").fill("keep-everything sql1")

    assert opened.shown() == ["sql1"]
    expect(page.get_by_role("status")).to_have_text("1 of 15 findings")
    page.get_by_role("searchbox").fill("nothing like this")
    assert opened.shown() == []
    expect(page.get_by_role("status")).to_have_text("0 of 15 findings")
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("status")).to_have_text("15 of 15 findings")
    assert len(opened.shown()) == 15


def test_filters_narrow_the_table_together(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("combobox", name="Cure").select_option("guarded")
    page.get_by_role("checkbox", name="corroborated").uncheck()

    assert opened.shown() == ["hana1", "sql1"]
    page.get_by_role("combobox", name="Cause").select_option("storage-egress")
    assert opened.shown() == []


def test_a_cause_of_the_figure_leads_to_its_findings(opened: Opened) -> None:
    opened.page.get_by_role("link", name="restore-point-limit").click()

    assert sorted(opened.shown()) == ["sql1", "web2"]
    expect(opened.page.get_by_role("heading", name="Findings", exact=True)).to_be_in_viewport()


def test_a_heading_sorts_and_says_so(opened: Opened) -> None:
    page = opened.page
    heading = page.locator("#table").get_by_role("columnheader", name="VM", exact=True)
    before = opened.shown()
    heading.get_by_role("button").click()
    rising = opened.shown()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    heading.get_by_role("button").click()

    assert rising == sorted(before) != before
    assert opened.shown() == sorted(before, reverse=True)
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert page.locator("#table [aria-sort]").count() == 1
    page.locator("#table").get_by_role("button", name="Severity").click()
    assert opened.shown() == before


def test_a_finding_unfolds_to_evidence_cure_and_diff_by_mouse(opened: Opened) -> None:
    row = opened.page.locator(LOCKED)
    row.locator("summary").click()
    panel = row.locator(".panel")

    expect(panel).to_be_visible()
    for part in (
        "days left",
        "Lift the lock",
        "- properties.level: CanNotDelete",
        "+ (gone)",
        "way back: put back",
    ):
        expect(panel).to_contain_text(part)
    row.locator("summary").click()
    expect(panel).to_be_hidden()


def test_everything_can_be_reached_and_used_by_keyboard(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the findings")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("web1")
    assert opened.shown() == ["web1"]
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#table summary')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#table .panel")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_repair_of_several_findings_unfolds_under_each(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    opened = Opened(page, written(planned(full("sql1", "sql2")), tmp_path))
    for row in page.locator(LOCKED).all():
        row.locator("summary").click()
        expect(row.locator(".diff")).to_contain_text("lift the CanNotDelete lock")
    page.locator(LOCKED).first.get_by_role("link").click()

    expect(page.locator("details.repair")).to_have_attribute("open", "")
    expect(page.locator("details.repair .diff")).to_be_visible()
    assert opened.harmless()
    page.close()


def test_an_address_with_a_fingerprint_opens_its_finding_even_far_down(
    browser: Browser, thousands: Path
) -> None:
    page = browser.new_page()
    page.goto(f"{thousands.as_uri()}#f-{4000:032x}")

    expect(page.locator(f"#f-{4000:032x} .panel")).to_be_visible()
    expect(page.locator(f"#f-{4000:032x} summary")).to_be_in_viewport()
    page.close()


def ground(page: Page) -> str:
    told: str = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return told


def test_colours_follow_the_system_and_the_reader(
    browser: Browser, real: dict[str, Any], tmp_path: Path
) -> None:
    light, dark = "rgb(255, 255, 255)", "rgb(22, 24, 28)"
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(written(real, tmp_path).as_uri())

    assert ground(page) == dark
    page.get_by_role("radio", name="Light").check(force=True)
    assert ground(page) == light
    page.reload()
    assert ground(page) == light
    page.get_by_role("radio", name="System").check(force=True)
    assert ground(page) == dark
    page.emulate_media(media="print")
    assert ground(page) == light
    context.close()


def test_it_prints_with_what_matters_unfolded_and_all_that_match(
    browser: Browser, thousands: Path, opened: Opened
) -> None:
    page = opened.page
    page.emulate_media(media="print")
    worst, mild = page.locator("tr.corroborated .panel").first, page.locator("tr.info .panel").first

    expect(worst).to_be_visible()
    assert worst.evaluate("one => one.checkVisibility({contentVisibilityAuto: true})")
    assert not mild.evaluate("one => one.checkVisibility()")
    group, panel = page.locator("tr.corroborated small").first.bounding_box(), worst.bounding_box()
    assert group
    assert panel
    assert group["y"] + group["height"] <= panel["y"]
    expect(page.locator(".controls")).to_be_hidden()
    assert page.pdf().startswith(b"%PDF-")

    many = browser.new_page()
    many.goto(thousands.as_uri())
    many.get_by_role("searchbox").fill("vm00")
    many.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert many.locator("#table tbody tr").count() == 100
    many.get_by_role("searchbox").fill("vm0")
    many.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert many.locator("#table tbody tr").count() == 1000
    many.evaluate("dispatchEvent(new Event('afterprint'))")
    assert many.locator("#table tbody tr").count() == 100
    many.close()


def test_it_can_be_read_without_a_script(browser: Browser, real: dict[str, Any], tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written(multiplied(real, 150), tmp_path).as_uri())

    expect(page.locator(".controls")).to_be_hidden()
    expect(page.locator("#table tbody tr").nth(149)).to_be_visible()
    page.locator("#table summary").nth(149).click()
    expect(page.locator("#table .panel").nth(149)).to_be_visible()
    page.get_by_text("Dark").click()
    context.close()


def test_more_rows_come_when_they_are_asked_for(browser: Browser, thousands: Path) -> None:
    page = browser.new_page()
    opened = Opened(page, thousands)
    expect(page.get_by_role("status")).to_have_text("5,000 of 5,000 findings, the first 100 shown")
    assert len(opened.shown()) == 100
    page.get_by_role("button", name="Show 100 more").click()

    assert len(opened.shown()) == 200
    assert page.evaluate("document.activeElement === document.querySelectorAll('#table summary')[100]")
    page.get_by_role("button", name="Unfold").click()
    assert page.locator("#table details[open]").count() == 200
    assert opened.harmless()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_nothing_that_keeps_anybody_out(
    browser: Browser, real: dict[str, Any], tmp_path: Path, scheme: Any, width: int
) -> None:
    whole = {**renamed(real, "Größe"), "findings": real["findings"][:6] + renamed(real, "x")["findings"][-1:]}
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(written(whole, tmp_path).as_uri())
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(EVIL, id="a script"),
        pytest.param("javascript:window.evil=1", id="an address"),
        pytest.param("a\u202egnp.exe\u2066\u200b\x1b[31m", id="marks of direction"),
        pytest.param("n" * 10_240, id="ten kilobytes"),
        pytest.param("Z\u0351\u0343" * 500, id="towers of marks"),
    ],
)
def test_hostile_names_do_nothing_and_fit(
    browser: Browser, real: dict[str, Any], tmp_path: Path, name: str
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    opened = Opened(page, written(renamed(real, name), tmp_path))
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")

    assert page.evaluate("window.evil") is None
    assert page.locator("img").count() == 0
    assert plain(name)[:200] in (page.locator("#table summary").first.text_content() or "")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert opened.harmless()
    page.close()


MEASURE = """
async ({ words, selector }) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const taken = [];
  for (const word of words) {
    await frame();
    const began = performance.now();
    if (selector) document.querySelector(selector).click();
    else {
      const search = document.getElementById("search");
      search.value = word;
      search.dispatchEvent(new Event("input", { bubbles: true }));
    }
    await frame();
    taken.push(performance.now() - began);
  }
  return taken;
}
"""


def test_five_thousand_findings_are_filtered_in_a_tenth_of_a_second(
    browser: Browser, thousands: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(thousands.as_uri())
    page.wait_for_timeout(1500)
    words = ["v", "vm", "vm0", "vm04", "", "lock", "lock keep", "sql1", "zzz", "corroborated", "Snapshot", ""]
    filtering = page.evaluate(MEASURE, {"words": words, "selector": None})
    sorting = page.evaluate(MEASURE, {"words": words[:5], "selector": "[data-sort=vm]"})
    with capsys.disabled():
        print(  # noqa: T201 - what it is for
            f"\n5,000 findings ({thousands.stat().st_size / 1e6:.1f} MB), to the next painted frame: "
            f"filter {statistics.median(filtering):.0f} ms (worst {max(filtering):.0f}), "
            f"sort {statistics.median(sorting):.0f} ms (worst {max(sorting):.0f})"
        )

    assert statistics.median(filtering) < 100
    page.close()


@pytest.mark.skipif(not SCREENSHOTS, reason="SCREENSHOTS names no folder to keep pictures in")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_the_demo_are_kept(
    browser: Browser, real: dict[str, Any], tmp_path: Path, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 760})
    page = context.new_page()
    page.goto(written(real, tmp_path).as_uri())
    if scheme == "dark":
        row = page.locator(LOCKED)
        row.locator("summary").click()
        row.evaluate("one => one.previousElementSibling.scrollIntoView({ behavior: 'instant' })")
    file = Path(SCREENSHOTS or "") / f"report-{scheme}.png"
    page.screenshot(path=file)

    assert file.stat().st_size < 200_000
    context.close()
