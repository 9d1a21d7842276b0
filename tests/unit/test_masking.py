"""Secrets are taken out of texts that others wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.masking import scrub


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("no secret here", ["s3cret"], "no secret here"),
        ("login of s3cret failed", ["s3cret"], "login of *** failed"),
        ("s3cret, s3cret2", ["s3cret", "s3cret2"], "***, ***"),
        ("a.c abc", ["a.c"], "*** abc"),
        ("nothing", [], "nothing"),
        ("nothing", [""], "nothing"),
        ("a*b", ["*"], "a[hidden]b"),
        ("a*b", ["*", "hid"], "ab"),
        ("xx*", ["x*", "y"], "***"),
    ],
)
def test_each_secret_is_masked(text: str, secrets: list[str], shown: str) -> None:
    """A mask stands for each secret, the longest first, and is never a part of one."""
    assert scrub(text, secrets) == shown


@given(
    st.text(alphabet="ab*[hid]", max_size=20), st.lists(st.text(alphabet="ab*[hid]", min_size=1, max_size=4))
)
def test_no_secret_is_left(text: str, secrets: list[str]) -> None:
    """Whatever the text and the secrets, none of them is in what comes back."""
    shown = scrub(text, secrets)
    assert not any(secret in shown for secret in secrets)
