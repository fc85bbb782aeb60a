"""Move a control the way a hand does, and see whether picture and readout follow."""

import re

# every kind of control a panel may have, as JupyterLab draws it
KINDS = {
    "slider": ".widget-slider",
    "choice": ".widget-dropdown:not(.xailab-colours)",
    "box": ".widget-checkbox",
    "text": ".widget-text",
    "colours": ".xailab-colours",
}


def state(panel) -> tuple[str, str]:
    """What the panel shows: the picture's address (a new one for a new picture) and the words."""
    return (
        panel.locator("img.widget-image").first.get_attribute("src"),
        panel.locator(".xailab-readout").inner_text(),
    )


def rests(panel) -> None:
    panel.page.wait_for_function(
        "p => !p.classList.contains('xailab-busy')", arg=panel.element_handle(), timeout=30_000
    )


def _touch(kind: str, control, label: str = "") -> None:
    if kind == "slider":
        handle = control.locator(".noUi-handle").first
        at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        handle.press("ArrowLeft" if at_end else "ArrowRight")
    elif kind in ("choice", "colours"):
        select = control.locator("select")
        count, now = select.locator("option").count(), select.evaluate("s => s.selectedIndex")
        select.select_option(index=(now + 1) % count)
    elif kind == "box":
        control.locator("input").click()
    elif kind == "text":
        control.locator("input").fill(label)
        control.locator("input").press("Enter")


def _followed(panel, before: tuple[str, str], milliseconds: int, same_words: bool = False) -> bool:
    from playwright.sync_api import TimeoutError

    try:
        panel.page.wait_for_function(
            """([p, src, text, same]) => {
                const img = p.querySelector('img.widget-image');
                const words = p.querySelector('.xailab-readout').innerText === text;
                return img.getAttribute('src') !== src && words === same
                    && !p.classList.contains('xailab-busy');
            }""",
            arg=[panel.element_handle(), *before, same_words],
            timeout=milliseconds,
        )
    except TimeoutError:
        return False
    return True


def move_each_kind(panel) -> list[str]:
    """Move the first control of each kind in a panel; returns the kinds. Raises if nothing followed.

    A text field gets the label of the row that was shown first. The switch of the colours must
    leave the words as they are.
    """
    moved, first = [], re.match(r"Row (\S+)\.", state(panel)[1])
    for kind in KINDS:
        control = panel.locator(KINDS[kind]).first
        if not control.count() or not control.is_visible():
            continue
        if kind == "text" and not (first and not state(panel)[1].startswith(first[0])):
            continue
        if kind == "choice" and control.locator("option").count() < 2:
            continue
        before = state(panel)
        for attempt in range(3):  # another choice may by chance lead to the same row
            _touch(kind, control, first[1] if first else "")
            patience = 30_000 if attempt == 2 else 10_000
            if _followed(panel, before, patience, same_words=kind == "colours"):
                break
        else:
            raise AssertionError(f"The {kind} moved and the panel still says: {before[1]}")
        rests(panel)
        assert not panel.locator(".xailab-error").count(), state(panel)[1]
        moved.append(kind)
    return moved
