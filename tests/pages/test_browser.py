"""The board as a person uses it, in headless Chromium: only where that and Playwright are installed."""

from __future__ import annotations

import re
import shutil

import pytest

from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show
from parface_bench.results.record import record
from tests.report.test_report import made

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    for name, shift in (("near", 1.0), ("middle", 2.0), ("far", 3.0)):
        result = made(folder / name, name, shift)
        record(result.document, result.errors(), folder / "store")
    show(folder / "store", Selection(), form="html", out=folder / "board.html")
    return folder / "board.html"


@pytest.fixture
def opened(board):
    """The board in a fresh window; it must load nothing and complain of nothing."""
    wrong: list[str] = []
    with playwright.sync_playwright() as p:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = p.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(180_000)  # a busy machine is no fault of the page
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
        page.goto(board.as_uri())
        yield page
        browser.close()
    assert wrong == []


def names(page) -> list[str]:
    return page.eval_on_selector_all("tbody tr:not([hidden])", "rows => rows.map(r => r.dataset.name)")


def test_sort_filter_and_a_link_that_keeps_it(opened):
    assert names(opened) == ["near", "middle", "far"]
    opened.get_by_role("button", name=re.compile("^NME")).first.click()
    opened.get_by_role("button", name=re.compile("^NME")).first.click()
    assert names(opened) == ["far", "middle", "near"]
    opened.get_by_label("Method").fill("a")
    assert names(opened) == ["far", "near"]
    address = opened.url
    opened.goto("about:blank")
    opened.goto(address)
    assert names(opened) == ["far", "near"]
    opened.get_by_role("button", name="Reset").click()
    assert names(opened) == ["near", "middle", "far"]


def test_two_rows_compared_face_by_face(opened, board):
    from parface_bench.results.store import read_store

    opened.get_by_label(re.compile("compare near")).check()
    opened.get_by_label(re.compile("compare far")).check()
    opened.get_by_text("near is better").wait_for()
    said = opened.locator(".paired").inner_text()
    errors = {
        r.document["method"]: r.errors().set_index("id")["nme"] for r in read_store(board.parent / "store").results
    }
    difference = float((errors["near"] - errors["far"]).mean())
    shown = float(re.search(r"NME ([+−][\d.]+) points", said)[1].replace("−", "-"))
    assert shown == pytest.approx(difference, abs=0.01) and "near is better" in said


def test_columns_plots_and_dark(opened):
    visible = "heads => heads.filter(h => h.offsetParent && h.dataset.metric).map(h => h.dataset.metric)"
    assert opened.eval_on_selector_all("th", visible) == ["NME", "FR@8", "AUC@8"]
    opened.get_by_label("Subset").select_option("*")
    assert len(opened.eval_on_selector_all("th", visible)) > 3
    opened.get_by_text("Error curves and cost").click()
    opened.wait_for_selector(".ced .main-svg")
    assert opened.locator(".ced .scatterlayer .trace").count() == 3
    opened.emulate_media(color_scheme="dark")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    opened.get_by_label("Subset").select_option("")
    opened.emulate_media(media="print")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 1280
