"""Sphinx settings of the site; ``xailab.course.site`` brings the sources together and calls Sphinx."""

import re

from latex2mathml.converter import convert

from xailab.widgets.panels import style_sheet

project = "xailab"
author = "the xailab authors"
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinxcontrib.bibtex"]
exclude_patterns = ["_build"]
# the copies are executed already
nb_execution_mode = "off"
nb_merge_streams = True
# from this site's own folder, never from another host
nb_ipywidgets_js = {"require.js": {}, "anywidget-here.js": {}, "embed-amd.js": {}}
myst_enable_extensions = ["dollarmath", "attrs_inline"]
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header"]
bibtex_bibfiles = ["references.bib"]
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
add_module_names = False
html_math_renderer = "mathml"
html_theme = "sphinx_book_theme"
html_title = "xailab"
html_static_path = ["_static"]
html_css_files = ["panels.css", "site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
# it would fetch, which a page opened from a disk may not
html_show_search_summary = False
# without it the theme complains on the console
html_context = {"default_mode": "auto"}
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "navbar_persistent": [],
    "show_toc_level": 2,
}


def inline_math(writer, node):
    writer.body.append(convert(node.astext()))
    raise _skip()


def block_math(writer, node):
    writer.body.append(f'<div class="math-block">{convert(node.astext(), display="block")}</div>')
    raise _skip()


def _skip():
    from docutils import nodes

    return nodes.SkipNode()


def plain_docstring(app, what, name, obj, options, lines):
    """Our docstrings are plain text with ``code``: keep their formulas from being read as markup."""
    text = "\n".join(lines)
    parts = re.split(r"(``[^`]+``)", text)
    parts[::2] = [re.sub(r"([*_|`\\])", r"\\\1", part) for part in parts[::2]]
    made = []
    for line in "".join(parts).splitlines():
        above = made[-1] if made else ""
        if line.strip() and above.strip() and _indent(line) != _indent(above):
            # an indented part stands on its own
            made.append("")
        made.append(line)
    lines[:] = made


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def name_as_written(app, pagename, templatename, context, doctree):
    """A folded cell is called what is written on it; MyST-NB gives it another name as well."""
    if "body" in context:
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")


def setup(app):
    assert style_sheet()
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("html-page-context", name_as_written)
