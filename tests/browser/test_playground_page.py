"""The playground in the browser, with whatever a server could tell it."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from playwright.sync_api import Browser, FilePayload

from tests.browser.stand_in import WAYS, StandIn, account, frame, scored, sent, stand_in
from tests.browser.visit import OpenPage, Scheme, Visit
from tests.support import photos
from tests.support.results import make_result
from tests.support.waiting import eventually

FAULTS = ("freeze-redis", "s3-unavailable", "throttle-sqs", "bomb", "truncated", "poison", "kill", "stop")
READ = ("GET /faults", "GET /samples", "GET /dead-letters")
TALL = 6000  # pixels of a window that shows all: what nobody sees is not looked at
HOSTILE = "<img src=x onerror=window.hacked=1>"
REVERSED = "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe"
CHOSEN = FilePayload(name="soup & salad.jpg", mimeType="image/jpeg", buffer=photos.coffee())
HEIC = photos.SAMPLES / "croissant.heic"
SECOND = FilePayload(name="2.heic", mimeType="image/heic", buffer=HEIC.read_bytes())
# As if a person dropped or pasted a photo.
BRING = """([type, carrier]) => {
  const data = new DataTransfer();
  data.items.add(new File(["photo"], "brought.jpg", { type: "image/jpeg" }));
  const options = { bubbles: true, cancelable: true, [carrier]: data };
  document.body.dispatchEvent(type === "paste" ? new ClipboardEvent(type, options) : new DragEvent(type, options));
}"""
# Elements within a line that hold a text themselves, and how its direction goes on beside them.
INLINE = """(text) => [...document.querySelectorAll("main *")]
  .filter((one) => [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.includes(text)))
  .map((one) => [one.outerHTML, getComputedStyle(one).unicodeBidi, getComputedStyle(one).display])
  .filter(([, , display]) => display === "inline")"""
SHOWS = """(values) => Object.entries(values).every(
  ([name, value]) => document.querySelector(`[data-account=${name}]`).textContent === String(value))"""


@pytest.fixture
def server() -> Iterator[StandIn]:
    faults = [{"name": name, "title": f"Do {name}", "says": f"It does {name}."} for name in FAULTS]
    letter = {"message_id": "m", "key": "uploads/x", "reason": "no_photo: none", "body": "{", "receives": 3}
    samples = [{"name": "coffee.png", "title": "Coffee"}]
    with stand_in(faults=faults, samples=samples, **{"dead-letters": [letter]}) as made:
        yield made


@pytest.fixture
def page(server: StandIn, visit: OpenPage) -> Visit:
    return open_page(server, visit)


def open_page(server: StandIn, visit: OpenPage, **options: Any) -> Visit:
    page = visit(server.url, **options)
    page.page.locator("#state[data-state=up]").wait_for()
    page.page.locator("[data-fault=stop]").wait_for()
    page.page.locator("#all-samples").wait_for()
    return page


def tell_all_kinds(server: StandIn, text: str = "soup") -> int:
    """Tell of all that a page can show, with this text wherever one can be; returns the number of photos."""
    fault = make_result("photo-5", code=text).error
    failed = make_result("photo-5", code=text).model_copy(
        update={"error": fault and fault.model_copy(update={"message": text})}
    )
    unsure = make_result("photo-6").model_copy(update={"status": "unrecognised"})
    told = [sent(0), *(scored(number, text) for number in (1, 2, 3))]
    told.append(scored(4, text, kind="exact"))
    told.append({**sent(5), "state": "done", "result": failed.model_dump(mode="json")})
    told.append({**sent(6), "state": "done", "result": unsure.model_dump(mode="json")})
    told.append({**sent(7), "state": "dead", "dead": {"reason": text}})
    for photo in told:
        server.tell("photo", **{**photo, "name": text, "thumbnail": True, "burst": False})
    outage = {"part": text, "since": 3, "reason": text}
    server.tell("pipeline", **{**frame([]), "outages": [outage]})
    server.tell("account", **{**account(8, 4), "in_flight": 1, "dead": 1, "failed": 1, "unrecognised": 1})
    server.tell("fault", name="freeze-redis", state="on", left=8, says=text)
    return len(told)


def cards(page: Visit) -> int:
    return page.page.locator("#photos > li").count()


@pytest.mark.parametrize("scheme", get_args(Scheme))
@pytest.mark.parametrize("width", [360, 1440])
def test_everybody_can_use_it(server: StandIn, visit: OpenPage, width: int, scheme: Scheme) -> None:
    page = open_page(server, visit, width=width, height=TALL, scheme=scheme)
    number = tell_all_kinds(server)
    eventually(lambda: cards(page) == number, lambda: cards(page))
    page.page.locator("#letters > li").wait_for()
    page.page.locator("[data-fault=freeze-redis][data-state=on]").wait_for()
    assert page.sticking_out() == []
    assert page.elsewhere == []
    assert no_picture(page) == []
    assert page.violations() == ""


def no_picture(page: Visit) -> list[str]:
    """The complaints, but for thumbnails that cannot be made."""
    return [one for one in page.complaints if "404" not in one]


def test_it_fits_each_window(server: StandIn, page: Visit) -> None:
    tell_all_kinds(server, "W" * 1000)
    eventually(lambda: cards(page) > 0)
    for width in (360, 420, 899, 1440, 2560):
        page.resize(width)
        assert page.sticking_out() == [], width


@pytest.mark.parametrize("text", [HOSTILE, f"</script><script>{HOSTILE}", REVERSED, "javascript:hacked=1"])
def test_hostile_words_are_only_words(server: StandIn, page: Visit, text: str) -> None:
    before = page.page.evaluate("document.scripts.length")
    number = tell_all_kinds(server, text)
    server.tell("worker", state="up", since=1, says=text, run=server.run)
    eventually(lambda: cards(page) == number, lambda: cards(page))
    page.page.locator("#state", has_text=text).wait_for()
    assert page.page.evaluate(
        "[...document.querySelectorAll('img')].every((one) => one.src.includes('/thumbnails/'))"
    )
    assert page.page.evaluate("[document.scripts.length, typeof hacked]") == [before, "undefined"]
    words = page.page.locator("#photo-photo-7").text_content() or ""
    assert words.count(text) == 2, "its name and its reason"
    assert page.page.locator("[href^='javascript:']").count() == 0
    assert [one for one in server.asked if not one.startswith(("GET /thumbnails/photo-", *READ))] == []
    assert no_picture(page) == page.elsewhere == []


def test_words_that_run_backwards_turn_nothing_else_round(server: StandIn, page: Visit) -> None:
    tell_all_kinds(server, REVERSED)
    page.wait_until(f"() => ({INLINE})('{REVERSED}').length >= 3")
    assert (
        page.page.evaluate(f"({INLINE})('{REVERSED}').filter(([, bidi]) => !bidi.includes('isolate'))") == []
    )


def test_each_control_asks_for_what_it_says(server: StandIn, page: Visit) -> None:
    window, asked = page.page, server.asked

    def expect(*requests: str) -> None:
        expected = sorted(f"POST /{one}" for one in requests)
        eventually(lambda: posts() == expected, lambda: (posts(), expected))
        asked.clear()

    def posts() -> list[str]:
        return sorted(one for one in asked if one.startswith("POST"))

    asked.clear()
    for way in WAYS:
        window.locator(f"[name=way][value={way}]").check(force=True)
        window.locator("#choose").set_input_files([CHOSEN, SECOND])
        expect(f"photos?way={way}&name=soup%20%26%20salad.jpg", f"photos?way={way}&name=2.heic")
        window.locator("[data-sample='coffee.png']").click()
        expect(f"samples/coffee.png?way={way}")
        window.locator("#all-samples").click()
        expect(f"samples/all?way={way}")
    window.locator("#camera").set_input_files(CHOSEN)
    expect("photos?way=http&name=soup%20%26%20salad.jpg")
    assert window.locator("#camera").get_attribute("capture") == "environment"
    for brought in (["drop", "dataTransfer"], ["paste", "clipboardData"]):
        window.evaluate(BRING, brought)
        expect("photos?way=http&name=brought.jpg")
    window.locator("#burst-size").fill("42")
    window.locator("#burst-mixed").set_checked(True)
    window.locator("#burst").click()
    expect("burst?n=42&way=mixed")
    window.locator("#burst-mixed").set_checked(False)
    window.locator("#burst").click()
    expect("burst?n=42&way=http")
    for name in FAULTS:
        window.locator(f"[data-fault={name}] button").click()
        expect(f"faults/{name}")
    server.tell("account", **{**account(1, 0), "dead": 1, "in_flight": 0})
    window.locator("#redrive").click()
    expect("dead-letters/redrive")
    assert page.complaints == []


def test_the_keyboard_alone_is_enough(server: StandIn, page: Visit) -> None:
    tell_all_kinds(server)
    page.page.locator("#letters > li").wait_for()
    eventually(lambda: cards(page) == 8, lambda: cards(page))
    stops = page.tab_stops()
    assert [stop for stop in stops if not stop["isVisible"]] == []
    names = {stop["name"] for stop in stops}
    assert {"choose", "camera", "burst-size", "burst-mixed", "burst", "all-samples", "redrive"} <= names
    assert {f"Do {name}" for name in FAULTS} <= names
    assert "original" in names
    keyboard = page.page.keyboard
    server.asked.clear()
    page.page.locator("[name=way][value=queue]").focus()
    keyboard.press("ArrowDown")
    page.page.locator("#all-samples").focus()
    keyboard.press("Enter")
    page.page.locator("[data-fault=bomb] button").focus()
    keyboard.press("Space")
    page.page.locator("#burst-size").focus()
    keyboard.press("Enter")
    wanted = {"POST /samples/all?way=direct", "POST /faults/bomb", "POST /burst?n=100&way=mixed"}
    eventually(lambda: wanted <= set(server.asked), lambda: server.asked)


def test_a_fault_that_is_on_is_not_asked_for_again(server: StandIn, page: Visit) -> None:
    server.tell("fault", name="kill", state="on", left=30, says="It is killed.")
    page.page.locator("[data-fault=kill][data-state=on]").wait_for()
    page.page.locator("[data-fault=kill] button").click(force=True)
    page.page.locator("[data-fault=stop] button").click()
    eventually(lambda: "POST /faults/stop" in server.asked, lambda: server.asked)
    assert "POST /faults/kill" not in server.asked


def test_a_fault_that_ends_unheard_is_over_once_there_is_a_connection(server: StandIn, page: Visit) -> None:
    server.tell("fault", name="kill", state="on", left=0, says="It is killed.")
    page.page.locator("[data-fault=kill][data-state=on]").wait_for()
    server.cut()
    page.page.locator("[data-fault=kill][data-state=off]").wait_for()
    page.page.locator("#state[data-state=up]").wait_for()


def test_what_can_be_asked_for_is_asked_again_if_there_was_no_answer(
    server: StandIn, visit: OpenPage
) -> None:
    samples = server.answers.pop("samples")
    page = visit(server.url)
    page.page.locator("#errors", has_text="404").wait_for()
    server.answers["samples"] = samples
    page.page.locator("[data-fault=stop]").wait_for()
    assert page.page.locator("[data-sample]").count() == len(samples) + 1


def test_it_begins_anew_when_make_run_is_another_one(server: StandIn, page: Visit) -> None:
    server.tell("photo", **scored(1))
    eventually(lambda: cards(page) == 1, lambda: cards(page))
    server.run = "the second"
    eventually(lambda: cards(page) == 0, lambda: cards(page))
    page.page.locator("[data-fault=stop]").wait_for()


@pytest.mark.parametrize(
    ("changed", "verdict", "words"),
    [
        ({}, "ok", "the account is right"),
        ({"lost": 1, "sent": 9}, "bad", "photos were lost"),
        ({"doubled": 1}, "bad", "published twice"),
        ({"sent": 9}, "bad", "the sum is wrong"),
    ],
)
def test_a_wrong_account_is_called_wrong(
    server: StandIn, page: Visit, changed: dict[str, int], verdict: str, words: str
) -> None:
    values = {**account(8, 4), **changed}
    server.tell("account", **values)
    page.wait_until(SHOWS, values)
    assert page.page.locator("#verdict").get_attribute("data-verdict") == verdict
    assert words in page.page.locator("#verdict").inner_text()


def test_copies_name_their_originals_and_the_bits_that_differ(server: StandIn, page: Visit) -> None:
    first, near, exact = scored(1, "a"), scored(2, "b"), scored(3, "c", kind="exact")
    near["result"]["duplicate_of"] = {"image_id": "photo-1", "distance": 3, "kind": "near"}
    for photo, image_hash in ((first, "phash-1:00000000000000ff"), (near, "phash-1:00000000000000f8")):
        photo["result"]["image_hash"] = image_hash
    exact["result"]["duplicate_of"] = {"image_id": "photo-1", "distance": 0, "kind": "exact"}
    for photo in (first, near, exact):
        server.tell("photo", **photo)
    for copy in ("photo-2", "photo-3"):
        link = page.page.locator(f"#photo-{copy} a.original")
        assert link.get_attribute("href") == "#photo-photo-1"
    unlike = page.page.locator("#photo-photo-2 .bits svg").first.locator(".unlike").get_attribute("d") or ""
    assert unlike.count("M") == 3
    assert page.page.locator("#photo-photo-3 .bits").count() == 0


def test_a_screen_reader_hears_a_summary_of_many(server: StandIn, page: Visit) -> None:
    page.record_speech()
    for number in range(200):
        server.tell("photo", **sent(number))
        server.tell("photo", **scored(number))
        server.tell("account", **account(number + 1, number + 1))
        server.tell("pipeline", **frame([]))
    eventually(lambda: cards(page) == 200, lambda: cards(page))
    page.page.locator("#said", has_text="photos").wait_for()
    assert len(page.spoken()) <= 3, page.spoken()


def test_firefox_does_all_that_too(firefox: Browser, server: StandIn) -> None:
    page = Visit(firefox, server.url, width=420)
    page.page.locator("#state[data-state=up]").wait_for()
    page.page.locator("#all-samples").wait_for()
    number = tell_all_kinds(server, HOSTILE)
    eventually(lambda: cards(page) == number, lambda: cards(page))
    page.page.locator("[name=way][value=direct]").check(force=True)
    page.page.locator("#choose").set_input_files(CHOSEN)
    page.page.locator("[data-fault=kill] button").click()
    wanted = {"POST /photos?way=direct&name=soup%20%26%20salad.jpg", "POST /faults/kill"}
    eventually(lambda: wanted <= set(server.asked), lambda: server.asked)
    assert page.sticking_out() == []
    assert no_picture(page) == page.elsewhere == []
    page.close()
