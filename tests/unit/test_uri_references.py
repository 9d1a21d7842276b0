"""RFC 3986's URI-reference, the form of an event's source."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.uri_references import is_uri_reference


@pytest.mark.parametrize(
    "text",
    [
        "/shop", "shop", "/", "", "//", "//shop", "/a//b", "./a:b", "?q=1", "#top", "a?b#c", "/a?b/c?d#e/f?g",
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "mailto:cncf-wg-serverless@lists.cncf.io", "x:", "x:/a",
        "https://ana:pw@example.com:8443/a%20b", "http://[::1]:80/", "http://[v1.a:b]/", "http://a:/", "file:///etc",
    ],
)  # fmt: skip
def test_reference_is_recognised(text: str) -> None:
    """What RFC 3986 allows is a reference."""
    assert is_uri_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "my shop", "/a\n", "/é", "%", "%4", "%zz", "1:a", ":a", "a b:c", "/a#b#c", "http://[::1", "http://[1:2]/",
        "http://a:b/", "http://a b/", "/[", "a\\b", "<a>", "x://a@b@c", "?[", "http://[]/", "//a[b]",
    ],
)  # fmt: skip
def test_what_is_none_is_refused(text: str) -> None:
    """What RFC 3986 does not allow is no reference."""
    assert not is_uri_reference(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_percent_encoded_text_is_a_reference(text: str) -> None:
    """Any text is a reference once it is percent-encoded behind a slash."""
    assert is_uri_reference("/" + quote(text, safe=""))
