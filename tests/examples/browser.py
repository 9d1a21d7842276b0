"""Debian's Chromium without a window, driven by selenium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.parts import path_of
from tests.processes import wait_until

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip


class Page:
    """The live page, as a person sees it."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(self) -> None:
        """Load it, and wait until it is told how it is with the broker."""
        self.driver.get(f"{self.address}/live")
        self.wait_for("Kafka answers", "#broker")

    def text(self, selector: str) -> str:
        """What an element shows; empty where it shows nothing."""
        return str(
            self.driver.execute_script("return document.querySelector(arguments[0]).innerText", selector)
        )

    def wait_for(self, text: str, selector: str, *, seconds: float = 10.0) -> None:
        """Wait until an element shows a text."""
        wait_until(lambda: text in self.text(selector), f"{selector} shows {text!r}", seconds=seconds)

    def find(self, selector: str) -> WebElement:
        """An element."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, name: str, *, player: str | None = None) -> None:
        """Press a button, as this player."""
        if player is not None:
            self.find("#player").clear()
            self.find("#player").send_keys(player)
        self.driver.find_element(By.XPATH, f"//button[normalize-space()={name!r}]").click()

    def rows(self) -> list[list[str]]:
        """The stream's table: event, player, time, partition and offset of each, the newest first."""
        script = "return [...document.querySelectorAll('#rows tr[data-place]')].map(r => [...r.cells].map(c => c.innerText.trim()))"
        found: list[list[str]] = self.driver.execute_script(script)
        return found

    def offsets(self) -> list[int]:
        """The offsets in the table."""
        return [int(row[-1]) for row in self.rows()]

    def total(self) -> int:
        """How many events the page has counted."""
        return int(self.text("#since").split()[0].replace(",", "") or 0)

    def complaints(self) -> list[str]:
        """What the browser's console says: a refused script, an error."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def measure(self) -> tuple[int, int]:
        """How many bytes the page's scripts hold, and how many nodes the document has, once rubbish is gone."""
        for _ in range(2):
            self.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        metrics = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        found = {each["name"]: each["value"] for each in metrics}
        return int(found["JSHeapUsedSize"]), int(found["Nodes"])

    def look_like(self, *, width: int, height: int, scheme: str) -> None:
        """Take a size, and day or night."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@contextmanager
def browser(folder: Path, address: str) -> Iterator[Page]:
    """A browser of its own, with a profile in this folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = path_of("chromium") or ""
    for flag in (*_FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(path_of("chromedriver") or "")
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.execute_cdp_cmd("Performance.enable", {})
        yield Page(driver, address)
    finally:
        driver.quit()
