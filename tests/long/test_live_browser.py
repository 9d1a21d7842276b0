"""The live page in a real browser."""

from __future__ import annotations

import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from flask_kafka_events.embedded import Lease, join
from flask_kafka_events.testing import faults
from tests.examples.browser import Page, browser
from tests.examples.live_stream import Playing, playing
from tests.parts import requires
from tests.processes import wait_until

pytestmark = requires("chromium", "chromedriver")

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOT = ROOT / "docs" / "live.png"
SIZE = (1200, 1040)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Lease]:
    """An embedded broker that ends right after its last user."""
    with join(tmp_path / "broker", linger=0.3) as lease:
        yield lease


@pytest.fixture
def game(broker: Lease, tmp_path: Path) -> Iterator[Playing]:
    """A game that is served in this process."""
    with playing(broker, GAME_LIVE_SECONDS=2.0, GAME_SPEED_LAYER_DB=str(tmp_path / "speed.db")) as game:
        yield game


@pytest.fixture
def page(game: Playing, tmp_path: Path) -> Iterator[Page]:
    """The page, loaded, of which the browser has nothing to complain of in the end."""
    with browser(tmp_path / "profile", game.address) as page:
        page.open()
        yield page
        assert page.complaints() == []


def test_click_is_a_row_within_a_second(page: Page) -> None:
    """Each button's event is there, with its player, its place and its way, by keyboard too."""
    clicked = time.monotonic()
    page.click("Buy a sword", player="ana")
    wait_until(lambda: page.offsets() == [0], "its row is there", seconds=1)
    assert time.monotonic() - clicked < 1
    for number, name in enumerate(("Buy a knife", "Join the guild"), start=2):
        page.click(name)
        wait_until(lambda number=number: len(page.rows()) == number, "its row is there")  # type: ignore[misc]
    page.find("#player").send_keys(Keys.ENTER)  # the first button: a visit
    wait_until(lambda: len(page.rows()) == 4, "its row is there")
    assert [row[0] for row in page.rows()] == [
        "default",
        "joined_guild",
        "purchased_knife",
        "purchased_sword",
    ]
    assert {row[1] for row in page.rows()} == {"ana"}
    page.wait_for("This is the default response! Its event came after", "#answer")
    page.wait_for("default, ana: partition 0, offset 3", "#way-of")
    for station in ("happened", "answered", "acknowledged", "seen"):
        assert station in page.text("#way-stations")
    page.wait_for("after", "#way-stations li:last-child")
    assert "only its sender" not in page.text("#way-stations")
    assert page.text("#types").split("\n")[0].split() == ["default", "1"]
    page.wait_for("4 events, from the beginning of the topic.", "#since")
    page.wait_for("It adds up", "#sum")
    page.wait_for("delivered\t4", "#ledger")


def test_metadata_is_shown_on_demand(page: Page) -> None:
    """A row's button shows all that the event carries, and hides it again; the keyboard does it too."""
    page.click("Buy a knife", player="<script>alert(1)</script>")
    wait_until(lambda: len(page.rows()) == 1, "its row is there")
    button = page.find("#rows button")
    assert button.get_attribute("aria-expanded") == "false"
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    shown = page.text("#rows tr.more")
    assert "game.purchase_a_knife" in shown
    assert '{"player":"<script>alert(1)</script>"}' in shown
    assert "traceparent" in shown
    button.click()
    assert button.get_attribute("aria-expanded") == "false"
    # A name is a name, wherever it stands.
    assert page.rows()[0][1] == "<script>alert(1)</script>"
    page.wait_for("<script>alert(1)</script>", "#players")
    assert page.driver.execute_script("return document.scripts.length") == 1


def test_two_browsers_see_the_same(page: Page, game: Playing, tmp_path: Path) -> None:
    """What is done in one is seen in the other, within a second, and both count alike."""
    with browser(tmp_path / "another", game.address) as other:
        other.open()
        page.click("Buy a sword", player="ana")
        other.click("Join the guild", player="bo")
        for each in (page, other):
            wait_until(lambda each=each: len(each.rows()) == 2, "both rows are there", seconds=1)  # type: ignore[misc]
        assert page.rows() == other.rows()
        assert page.text("#players") == other.text("#players")
        # Each knows which row is its own.
        assert page.find("#rows tr.mine").text.startswith("purchased_sword")
        assert other.find("#rows tr.mine").text.startswith("joined_guild")
        assert other.complaints() == []


def test_reload_and_dropped_lines_miss_nothing(page: Page, game: Playing) -> None:
    """Over three reloads, and streams that end every 2 s, each event is counted once and stands in its place."""
    for _ in range(3):
        game.get("/purchase_a_sword", player="ana")
        page.driver.refresh()
        game.get("/join_guild", player="ana")
    deadline, asked = time.monotonic() + 3, 6
    while time.monotonic() < deadline:
        game.get("/", player="bo")
        asked += 1
    wait_until(lambda: page.total() == asked, "all are counted")
    assert page.offsets() == list(reversed(range(asked)))[:100]
    assert page.find("#player").get_attribute("value") == ""


def test_outage_is_told_and_caught_up_with(page: Page, broker: Lease) -> None:
    """With the broker down purchases go on and the page says so; then it catches up by itself."""
    page.click("Visit", player="ana")
    wait_until(lambda: len(page.rows()) == 1, "its row is there")
    with faults.broker_down(broker):
        page.wait_for("Kafka is away. Purchases go on", "#broker")
        page.click("Buy a sword")
        page.wait_for("Sword Purchased!", "#answer")
        page.click("Join the guild")
        page.wait_for("2 events wait and will be sent when it is back.", "#broker")
        page.wait_for("pending\t2", "#ledger")
        assert len(page.rows()) == 1
    wait_until(lambda: len(page.rows()) == 3, "they have come", seconds=15)
    assert [row[0] for row in page.rows()] == ["joined_guild", "purchased_sword", "default"]
    page.wait_for("Kafka answers, and nothing waits.", "#broker")
    page.wait_for("pending\t0", "#ledger")


def test_ten_thousand_events_take_no_more_memory(page: Page, game: Playing) -> None:
    """After them the page holds what it held after the first 500: a hundred rows, and counts."""

    def emit(count: int) -> None:
        before = page.total()
        for number in range(count):
            game.events.emit("sold", {"player": f"player {number % 50}"})
        wait_until(lambda: page.total() == before + count, "all are counted", seconds=30)
        wait_until(lambda: page.offsets()[0] == before + count - 1, "they are drawn")

    page.wait_for("0 events", "#since")
    emit(500)
    heap, nodes = page.measure()
    emit(10_000)
    heap_after, nodes_after = page.measure()
    assert len(page.rows()) == 100
    assert heap_after - heap < 1_000_000
    assert nodes_after - nodes < 200


def test_stream_can_be_held(page: Page, game: Playing) -> None:
    """Held, its rows stand still and the counts go on; afterwards they are there."""
    game.get("/")
    wait_until(lambda: page.offsets() == [0], "its row is there")
    page.click("Hold")
    game.get("/join_guild")
    page.wait_for("1 more event since", "#held")
    assert page.offsets() == [0]
    page.wait_for("2 events", "#since")
    page.click("Go on")
    wait_until(lambda: page.offsets() == [1, 0], "it is drawn")


def test_speed_layer_has_a_panel_where_it_is(page: Page, tmp_path: Path) -> None:
    """As soon as its database is there the page shows what it counted, and of whom it alerted, with the cause."""
    assert not page.find("#speed-layer").is_displayed()
    with closing(results_in(tmp_path / "speed.db")) as database:
        page.wait_for("12:01\tana\tpurchased_sword\t10", "#speed-layer")
        page.wait_for("ana bought 10 swords between 12:01 and 12:02", "#alerts")
        page.wait_for("It waits for Kafka; its cause is the tenth", "#alerts")
        database.execute("UPDATE alerts SET announced = '12:02'")
        database.commit()
        page.wait_for("It is an event in the stream; its cause is the tenth", "#alerts")


def results_in(path: Path, start: str = "12:01", end: str = "12:02") -> sqlite3.Connection:
    """A speed layer's database, with as much as the page reads of it: one window's."""
    database = sqlite3.connect(path)
    columns = "(window_start TEXT, player TEXT, type TEXT, purchases INTEGER)"
    database.execute(f"CREATE TABLE partition_totals {columns}")
    database.execute("INSERT INTO partition_totals VALUES (?, 'ana', 'purchased_sword', 10)", (start,))
    database.execute("CREATE VIEW totals AS SELECT * FROM partition_totals")
    database.execute(
        "CREATE TABLE alerts (window_start TEXT, window_end TEXT, player TEXT, swords INTEGER, cause_id TEXT, announced TEXT)"
    )
    database.execute("INSERT INTO alerts VALUES (?, ?, 'ana', 10, 'the tenth', NULL)", (start, end))
    database.commit()
    return database


def test_page_fits_a_telephone_at_night(page: Page, game: Playing) -> None:
    """Nothing is wider than the screen, and ink and paper have changed places."""
    game.get("/purchase_a_sword", player="a player with a rather long name that goes on and on")
    wait_until(lambda: page.offsets() == [0], "its row is there")
    page.find("#rows button").click()
    page.look_like(width=360, height=740, scheme="dark")
    assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 360
    paper = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(23, 22, 20)"


def test_page_has_its_picture(page: Page, game: Playing, tmp_path: Path) -> None:
    """It can be taken at any time; WRITE_SCREENSHOT=1 takes the one of the docs, which has its size."""
    page.look_like(width=SIZE[0], height=SIZE[1], scheme="light")
    story = [
        ("/", "bo"),
        ("/purchase_a_knife", "<script>"),
        ("/join_guild", "cem"),
        *[("/purchase_a_sword", "ana")] * 9,
    ]
    for number, (path, player) in enumerate(story, start=1):
        game.get(path, player=player)
        wait_until(lambda number=number: len(page.rows()) == number, "its row is there")  # type: ignore[misc]
    page.click("Buy a sword", player="ana")
    page.wait_for("Its event came after", "#answer")
    game.events.emit("player_alerted", {"player": "ana", "swords": 10}, key="ana")  # as a speed layer does
    start, end = (time.strftime("%H:%M", time.localtime(time.time() + later)) for later in (0, 60))
    with closing(results_in(tmp_path / "speed.db", start, end)) as database:
        cause = "019eb2f4-8c1e-7d54-9a3b-5f0c6e7d8a91"
        database.execute("UPDATE alerts SET announced = ?, cause_id = ?", (end, cause))
        database.commit()
    page.wait_for(cause, "#alerts")
    page.wait_for("delivered\t14", "#ledger")
    page.wait_for("nothing waits", "#broker")
    page.driver.execute_script("document.activeElement.blur()")
    arrivals = "return document.getAnimations().length"
    wait_until(lambda: page.driver.execute_script(arrivals) == 0, "it stands still")
    picture = page.driver.get_screenshot_as_png()
    assert png_size(picture) == SIZE
    if os.environ.get("WRITE_SCREENSHOT") == "1":
        SCREENSHOT.write_bytes(picture)
    assert png_size(SCREENSHOT.read_bytes()) == SIZE
    assert SCREENSHOT.stat().st_size < 200_000


def png_size(picture: bytes) -> tuple[int, int]:
    """Width and height, as a PNG's first chunk has them."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height
