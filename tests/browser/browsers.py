"""Starts Debian's browsers under Playwright, which has none of its own here."""

import os
import shutil
from typing import Literal

from playwright.sync_api import Browser, Playwright

Kind = Literal["chromium", "firefox"]
PROGRAMS: dict[Kind, str] = {"chromium": "chromium-headless-shell", "firefox": "firefox-esr"}


class MissingBrowserError(Exception):
    """Raised when a browser is not installed; its text says how to install it."""


def start(playwright: Playwright, kind: Kind) -> Browser:
    """Start a browser without a window. Raises MissingBrowserError."""
    program = shutil.which(PROGRAMS[kind])
    if not program:
        raise MissingBrowserError(f"{PROGRAMS[kind]} is missing; on Debian: apt-get install {PROGRAMS[kind]}")
    if (
        kind == "firefox"
    ):  # "moz-firefox" is Mozilla's own, by WebDriver BiDi; "firefox" would be Playwright's
        return playwright.firefox.launch(executable_path=program, channel="moz-firefox")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
    return playwright.chromium.launch(executable_path=program, args=root)
