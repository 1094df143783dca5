"""Take the README's pictures from a running `script/server`, in Debian's Chromium.

.env-app/bin/python -m script.pictures [http://localhost:8000]      (with the same COMPANION_HOME as the server)
"""

from __future__ import annotations

import json
import shutil
import sys

from playwright.sync_api import Browser, Page, sync_playwright

from companion.paths import ROOT, home

PICTURES = ROOT / "docs" / "images"


def say(page: Page, text: str) -> None:
    """Type as the patient and wait until the reply has come."""
    before = page.get_by_role("log").inner_text()
    page.get_by_role("textbox").fill(text)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "before => { const log = document.querySelector('[role=log]'); return log.innerText.length > before + 60 }",
        arg=len(before) + len(text),
        timeout=15_000,
    )
    page.wait_for_timeout(800)


def patients(browser: Browser, site: str) -> None:
    page = browser.new_page(viewport={"width": 1180, "height": 860})
    page.goto(site)
    page.screenshot(path=PICTURES / "demo-page.png")
    page.set_viewport_size({"width": 480, "height": 860})
    page.goto(f"{site}/chat/")
    page.wait_for_timeout(800)
    page.screenshot(path=PICTURES / "chat-start.png")
    say(page, "can I eat before my infusion")
    page.screenshot(path=PICTURES / "chat-answer.png")
    say(page, "I still feel dizzy since yesterday's infusion")
    say(page, "what dose should I take")
    say(page, "I don't want to be alive anymore")
    page.screenshot(path=PICTURES / "chat-crisis.png")
    phone = browser.new_page(viewport={"width": 390, "height": 780}, color_scheme="dark")
    phone.goto(f"{site}/help/")
    phone.screenshot(path=PICTURES / "chat-help-phone.png")


def staff(browser: Browser, site: str) -> None:
    accounts = json.loads((home() / "demo-accounts.json").read_text(encoding="utf-8"))
    account = next(one for one in accounts if one["name"] == "sam")
    page = browser.new_page(viewport={"width": 1180, "height": 760})
    page.goto(f"{site}/staff/")
    page.get_by_label("Username").or_(page.locator("[name=login]")).first.fill(account["name"])
    page.locator("[name=password]").fill(account["password"])
    page.keyboard.press("Enter")
    page.wait_for_selector("[name=code]")
    codes = browser.new_page()
    codes.goto(f"{site}/demo/sign-ins/")
    row = codes.locator("tr", has_text="sam").inner_text().split()
    page.locator("[name=code]").fill(next(word for word in row if word.isdigit() and len(word) == 6))
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff/**")
    page.goto(f"{site}/staff/")
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / "staff-queue.png")
    page.locator("#queue tbody a").first.click()
    page.wait_for_load_state()
    page.screenshot(path=PICTURES / "staff-escalation.png")


def main() -> None:
    site = (sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000").rstrip("/")
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no Chromium here: apt-get install chromium")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        patients(browser, site)
        staff(browser, site)
        browser.close()


if __name__ == "__main__":
    main()
