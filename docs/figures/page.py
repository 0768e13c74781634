"""Takes the pictures of the page that the README shows, from a server over a library.

    fdaclip serve films.fdaclip --port 8000 &
    python docs/figures/page.py http://127.0.0.1:8000 "a flower opens" "a bird"

It needs the extra `browser` and Chromium. The README's were taken of fifteen free films: Big Buck
Bunny (© Blender Foundation, CC-BY 3.0), two of Intel's sample videos (CC-BY 4.0), and others that
are in the public domain or CC0.
"""

import io
import sys
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
CREDIT = "Big Buck Bunny © Blender Foundation, CC-BY 3.0; sample videos © Intel, CC-BY 4.0"


def main() -> None:
    address, words, others = sys.argv[1:]
    with sync_playwright() as playwright:
        path = "/usr/bin/chromium"
        browser = playwright.chromium.launch(
            executable_path=path if Path(path).exists() else None, args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        search(page, address, words)
        save(page, "page_search")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 1280, "height": 1390})
        search(page, address, others)
        page.locator(".hit-link").first.click()
        page.get_by_role("button", name="Why it matched").click()
        page.locator(".why-frame img").first.wait_for(timeout=60_000)
        page.locator(".why-frame").nth(2).click()  # the player goes there, and waits
        page.wait_for_timeout(3000)  # the pictures of the panel
        page.mouse.move(0, 0)
        save(page, "page_why")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 860})
        model(page, address)
        save(page, "page_model")
        browser.close()


def search(page: Page, address: str, words: str) -> None:
    page.goto(f"{address}/?{urlencode({'q': words})}")
    page.locator(".hit[data-id]").first.wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")


def model(page: Page, address: str) -> None:
    """Big Buck Bunny's masks, if the library has it, else those of its first video."""
    videos = page.request.get(f"{address}/api/v1/videos").json()["videos"]
    bunny = [video["id"] for video in videos if "bunny" in video["name"]]
    page.goto(f"{address}/model?{urlencode({'video': (bunny or [videos[0]['id']])[0]})}")
    page.locator(".strip .thumb").nth(2).click(timeout=60_000)
    page.wait_for_timeout(500)  # its pictures


def save(page: Page, name: str) -> None:
    """As a JPEG that carries its credit."""
    exif = Image.Exif()
    exif[0x8298] = CREDIT  # Copyright
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(HERE / f"{name}.jpg", quality=82, optimize=True, exif=exif)


if __name__ == "__main__":
    main()
