"""axe-core in an open page: what stands in the way of people with a keyboard or a screen reader."""

from importlib import resources


def violations(page, where: str = "html") -> list[str]:
    """Every element within ``where`` (a CSS selector) that axe-core calls a serious or critical fault."""
    script = resources.files("axe_playwright_python") / "axe.min.js"
    page.evaluate(script.read_text(encoding="utf-8"))
    found = page.evaluate("where => axe.run(where)", where)
    return [
        f"{rule['id']} ({rule['impact']}): {element['html'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for element in rule["nodes"]
    ]
