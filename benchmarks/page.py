"""How long from a key to the first answer on the page, in a real browser.

    fdaclip serve build/demo-quick/library --port 8000 &
    python benchmarks/page.py http://127.0.0.1:8000/

Words are typed at the pace of a hand; each key is timed from the browser's own stamp of it to the
frame in which the first of its answers is on the page. A key whose question was given up because
the next key came first is not counted: it has no answer. Prints median, 95th percentile and worst.
"""

from __future__ import annotations

import argparse
import os

import numpy as np
from playwright.sync_api import sync_playwright

SENTENCES = ("a red circle moves left", "the blue square", "a yellow cross moves up", "black ring")
WATCH = """() => {
  window.times = [];
  let pressed = 0;
  addEventListener("keydown", (event) => (pressed = event.timeStamp), true);
  new MutationObserver(() => {
    if (!pressed || !document.querySelector(".hit[data-id]")) return;
    const since = pressed;
    pressed = 0;
    requestAnimationFrame(() => times.push(performance.now() - since));
  }).observe(document.querySelector(".grid"), { childList: true });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--pace", type=int, default=180, help="ms from key to key")
    given = parser.parse_args()
    times, keys = [], 0
    with sync_playwright() as playwright:
        path = "/usr/bin/chromium"
        browser = playwright.chromium.launch(
            executable_path=path if os.path.exists(path) else None,  # noqa: PTH110
            args=["--no-sandbox"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(given.address)
        page.get_by_role("searchbox").fill("warm")
        page.locator(".hit[data-id]").first.wait_for(timeout=60_000)
        page.evaluate(WATCH)
        for sentence in SENTENCES:
            page.get_by_role("searchbox").select_text()
            page.keyboard.type(sentence, delay=given.pace)
            page.wait_for_timeout(800)
            keys += len(sentence)
        times = page.evaluate("times")
        browser.close()
    print(
        f"{len(times)} answers to {keys} keys, key to first answer on the page: "
        f"median {np.median(times):.0f} ms, p95 {np.percentile(times, 95):.0f} ms, "
        f"worst {max(times):.0f} ms"
    )


if __name__ == "__main__":
    main()
