"""A framed page arrives complete, and cannot break out of its attribute."""

import base64
import gzip
import html
import re

from xailab.plots import embed


def test_the_page_comes_out_as_it_went_in():
    page = "<html><script>const s = \"</script>\" + '&amp;';</script><p>é</p></html>"
    shown = embed.frame(page, height=99, title='a "title"').data
    source = html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1])
    packed = re.search(r"atob\('([^']*)'\)", source)[1]
    assert gzip.decompress(base64.b64decode(packed)).decode() == page
    assert 'height="99"' in shown
    assert "<script" not in shown
    assert 'title="a &quot;title&quot;"' in shown


def test_the_same_page_gives_the_same_frame_and_is_packed():
    page = "<p>the same words again and again</p>" * 500
    assert embed.frame(page).data == embed.frame(page).data
    assert len(embed.frame(page).data) < len(page) / 5
