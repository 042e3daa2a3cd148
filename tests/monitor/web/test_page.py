"""The page in a real browser: what happens appears, sounds, is corrected; nothing is asked elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from aed.monitor.memory.store import Verdict
from aed.monitor.messages import EventStage, HealthMessage, Outcome, SourceMessage, SourceState
from aed.monitor.web.config import WebConfig
from aed.monitor.web.dashboard import Dashboard
from benchmarks.made_day import fill
from benchmarks.made_home import HOSTILE, MadeHome

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
PATIENCE_MILLISECONDS = 120_000
"""For what only has to happen at all: the machine may be busy."""
WITHIN_SECONDS = 1.0
PHONE = {"width": 380, "height": 780}
TOKEN = "correct-horse-battery"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra 'dev'")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        arguments += ["--autoplay-policy=no-user-gesture-required"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=PATIENCE_MILLISECONDS)
        yield browser
        browser.close()


class Visit:
    """A page that is open, and everything that it complained of or asked for."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on(
            "console", lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))

    def assert_nothing_wrong(self) -> None:
        assert self.complaints == []
        assert [each for each in self.addresses if not each.startswith((self.address, "data:", "blob:"))] == []


@pytest.fixture
def visit(browser: Browser, home: MadeHome) -> Iterator[Any]:
    """Opens the page of a home; at the end nothing may have been wrong with it."""
    dashboard = Dashboard(home.parts(), WebConfig(port=0))
    contexts = []

    def opened(view: str = "now", **context: Any) -> Visit:
        context = browser.new_context(service_workers="block", **context)
        contexts.append(context)
        made = Visit(context.new_page(), dashboard.address)
        made.page.goto(f"{dashboard.address}/#{view}")
        made.page.wait_for_selector('#pulse[data-state="live"]')
        visits.append(made)
        return made

    visits: list[Visit] = []
    dashboard.start()
    yield opened
    for each in visits:
        each.assert_nothing_wrong()
    for context in contexts:
        context.close()
    dashboard.close()


NOTE_WHEN_SEEN = """() => {
  window.seen = new Promise((resolve) => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector("#lately .event")) return;
      observer.disconnect();
      resolve(Date.now());
    }).observe(document.getElementById("lately"), { childList: true, subtree: true });
  });
}"""


def test_an_event_appears_within_a_second(visit, home: MadeHome) -> None:
    page = visit().page
    page.wait_for_selector("#lately .empty")
    page.evaluate(NOTE_WHEN_SEEN)
    heard = home.heard("Doorbell", lasts=True)
    published = time.time()
    home.publish(heard, EventStage.BEGUN)
    seen = page.evaluate("() => window.seen") / 1000
    assert seen - published < WITHIN_SECONDS
    assert "Doorbell" in page.inner_text("#lately .event h3")
    assert page.inner_text("#headline") == "Doorbell, now"
    assert "Doorbell in kitchen" in page.text_content("#announcer")


def test_levels_move_and_the_tree_shows_what_is_heard(visit, home: MadeHome) -> None:
    page = visit().page
    for _ in range(3):
        home.bus.publish(home.level("kitchen", home.sound("Dog")[:3200], Dog=0.9))
    page.wait_for_selector('#sources article[aria-label="kitchen"] .bars li.likely')
    names = page.locator('article[aria-label="kitchen"] .bars .name').all_inner_texts()
    assert names == ["Animal", "Domestic animals, pets", "Dog"]
    assert "dBFS" in page.inner_text('#sources article[aria-label="kitchen"] .level-row')
    assert page.locator('#sources article[aria-label="nursery"] .quietly').is_visible()


def test_a_clip_plays(visit, home: MadeHome) -> None:
    home.publish(home.heard("Dog"))
    page = visit("events").page
    page.click("#events .play")
    page.wait_for_function("() => document.querySelector('#events audio').currentTime > 0.2")
    duration = page.evaluate("() => document.querySelector('#events audio').duration")
    assert 1 < duration < 6
    upper = "document.querySelector('#events .wave').getContext('2d').getImageData(0, 8, 240, 4).data"
    page.wait_for_selector("#events .player[data-wave]")
    assert page.evaluate(f"() => [...{upper}].some(Boolean)"), "a clip without sound is a line in the middle"


def test_a_correction_is_stored_and_every_page_shows_it(visit, home: MadeHome) -> None:
    heard = home.publish(home.heard("Dog"))
    first, second = visit("events").page, visit("events").page
    first.click("#events .mark[value=wrong]")
    second.wait_for_selector("#events .mark[value=wrong][aria-pressed=true]")
    assert home.store.marks()[heard.id].verdict is Verdict.WRONG
    first.click("#events .mark[value=other]")
    first.fill("#picker-filter", "cat")
    first.keyboard.press("Enter")
    first.wait_for_selector("#events .mark[value=other][aria-pressed=true]")
    mark = home.store.marks()[heard.id]
    assert (mark.verdict, home.taxonomy.nodes[home.taxonomy.index(mark.node_id)].name) == (Verdict.OTHER, "Cat")
    second.wait_for_selector("#events .mark[value=other][aria-pressed=true]")
    assert second.inner_text("#events .said") == "It was Cat."


def test_what_was_held_back_says_why_and_can_be_searched(visit, home: MadeHome) -> None:
    fill(home, datetime.now(UTC))
    page = visit("events").page
    page.select_option("select[name=outcome]", "held back")
    page.fill("input[name=node]", "Animal")
    page.wait_for_function("() => document.querySelectorAll('#events .event').length === 3")
    assert page.inner_text("#found") == "3 events"
    assert page.locator("#events .reason").all_inner_texts()[0] == "rule 'pets': quiet hours 22:00-07:00"
    page.fill("input[name=text]", "no such words")
    page.wait_for_selector("#events .empty")
    page.click("#search button[type=reset]")
    page.wait_for_function("() => document.querySelectorAll('#events .event').length > 10")


def test_a_trouble_is_shown_where_one_looks_first(visit, home: MadeHome) -> None:
    page = visit().page
    now = datetime.now(UTC)
    home.bus.publish(SourceMessage("nursery", now, SourceState.LOST, 3.5, "the camera does not answer"))
    trouble = HealthMessage("nursery", now, "lost", False, "the connection broke: trying again")
    home.store.note_health(trouble)
    home.bus.publish(trouble)
    page.wait_for_selector('#headline-box[data-state="unwell"]')
    assert page.inner_text("#headline") == "nursery cannot be heard well"
    page.click("nav a[href='#health']")
    page.wait_for_selector("#troubles li")
    assert "trying again" in page.inner_text("#troubles")
    assert "3.5 s of sound were lost" in page.inner_text("#health-sources")


def test_a_hostile_label_stays_text(visit, home: MadeHome) -> None:
    heard = home.heard("Dog", label=HOSTILE, reason=HOSTILE, clip_note=HOSTILE, with_clip=False)
    home.publish(heard)
    home.bus.publish(SourceMessage(HOSTILE, datetime.now(UTC), SourceState.LISTENING, 0.0, HOSTILE))
    home.publish(home.heard("Cat", label=HOSTILE, source=HOSTILE, with_clip=False))
    page = visit("events").page
    page.wait_for_selector("#events .event")
    assert HOSTILE in page.inner_text("#events .event:last-of-type h3")
    assert page.locator("img, b").count() == 0
    for view in ("now", "health", "settings"):
        page.click(f"nav a[href='#{view}']")
        page.wait_for_selector(f"#view-{view}")
        assert page.locator("img, b").count() == 0
    assert page.title() == "aed monitor"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_every_view(visit, home: MadeHome, scheme: str) -> None:
    fill(home, datetime.now(UTC))
    home.publish(home.heard("Dog", label="W" * 80, reason="x" * 200, outcome=Outcome.HELD_BACK, with_clip=False))
    page = visit(viewport=PHONE, color_scheme=scheme, is_mobile=True, has_touch=True).page
    home.bus.publish(home.level("kitchen", home.sound("Dog")[:3200], **{"Carbon monoxide alarm": 0.9}))
    for view in ("now", "events", "health", "settings"):
        page.click(f"nav a[href='#{view}']")
        page.wait_for_selector(f"#view-{view}")
        width = page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{view} is {width} wide"
        small = page.evaluate(
            "() => [...document.querySelectorAll('button:not(.dot), nav a')].filter((each) => each.offsetParent)"
            ".map((each) => each.getBoundingClientRect().height).filter((height) => height < 30)"
        )
        assert small == [], "too small for a finger"


def test_the_keyboard_reaches_everything(visit, home: MadeHome) -> None:
    heard = home.publish(home.heard("Dog"))
    page = visit("events").page
    page.wait_for_selector("#events .event")
    page.focus("#events .play")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('#events audio').currentTime > 0")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "seek"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#events .mark[value=right][aria-pressed=true]")
    assert home.store.marks()[heard.id].verdict is Verdict.RIGHT
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#picker[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#picker", state="hidden")
    assert home.store.marks()[heard.id].verdict is Verdict.RIGHT


def test_this_devices_microphone_is_heard(visit, home: MadeHome) -> None:
    page = visit(permissions=["microphone"]).page
    page.fill("#microphone input", "phone")
    page.click("#microphone button")
    page.wait_for_selector('#sources article[aria-label="browser:phone"]')
    (source,) = home.opened
    assert source.rate_hz in (44_100, 48_000)
    number = "document.querySelector('[aria-label=\"browser:phone\"] .number')"
    page.wait_for_function(f"() => {number}.textContent.includes('dBFS')")
    page.click("#microphone button")
    page.wait_for_selector('#sources article[aria-label="browser:phone"]', state="detached")
    assert source.is_closed


def test_it_finds_back_when_the_monitor_was_away(browser: Browser, home: MadeHome) -> None:
    first = Dashboard(home.parts(), WebConfig(port=0))
    first.start()
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    page.goto(first.address)
    page.wait_for_selector('#pulse[data-state="live"]')
    first.close()
    page.wait_for_selector('#pulse[data-state="lost"]')
    home.store.save(home.heard("Doorbell"))  # heard while the page was blind
    second = Dashboard(home.parts(), WebConfig(port=int(first.address.rsplit(":", 1)[1])))
    second.start()
    page.wait_for_selector('#pulse[data-state="live"]')
    page.wait_for_selector("#lately .event")
    page.context.close()
    second.close()


def test_a_stranger_has_to_log_in(browser: Browser, home: MadeHome) -> None:
    dashboard = Dashboard(home.parts(), WebConfig(port=0, token=TOKEN))
    dashboard.start()
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    page.goto(dashboard.address)
    assert page.url.endswith("/login")
    page.fill("input[name=token]", "a guess")
    page.click("button")
    page.wait_for_selector(".wrong")
    page.fill("input[name=token]", TOKEN)
    page.click("button")
    page.wait_for_selector('#pulse[data-state="live"]')
    fresh = browser.new_context().new_page()
    fresh.set_default_timeout(PATIENCE_MILLISECONDS)
    fresh.goto(f"{dashboard.address}/?token={TOKEN}")
    fresh.wait_for_selector('#pulse[data-state="live"]')
    assert TOKEN not in fresh.url
    for each in (page, fresh):
        each.context.close()
    dashboard.close()
