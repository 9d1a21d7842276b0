"""Which traceparent and tracestate are carried over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.attributes import is_string
from flask_kafka_events.trace_context import valid_traceparent, valid_tracestate

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
ANY_TEXT = st.text() | st.text("0123456789abcdef-,= ")


@pytest.mark.parametrize(
    "text",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-ff",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what the future brings",
        f"fe-{TRACE}-{SPAN}-01-",
    ],
)
def test_valid_traceparent(text: str) -> None:
    """Version 00 as it stands, and higher versions with or without more."""
    assert valid_traceparent(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-1",
        f"01-{TRACE}-{SPAN}-01more",
        f"01-{TRACE}-{SPAN}-01-\x7f",
        f"01-{TRACE}-{SPAN}-01-" + "x" * 500,
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
    ],
)
def test_invalid_traceparent(text: str) -> None:
    """Version ff, ids of zeros, capitals, a wrong length, and more than version 00 has."""
    assert not valid_traceparent(text)


@pytest.mark.parametrize(
    "text",
    [
        "rojo=00f067aa0ba902b7",
        "congo=t61rcWkgMzE,rojo=00-f-01",
        "tenant@system=value , 1a_-*/=~",
        "a=b,,c=d",
        ",".join(f"k{n}=v" for n in range(32)),
        "a= b",
        "k=" + "x" * 256,
    ],
)
def test_valid_tracestate(text: str) -> None:
    """Up to 32 members, empty ones between them, spaces around them."""
    assert valid_tracestate(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "novalue",
        "Upper=x",
        "a=b=c",
        "a=",
        "a=é",
        "a=b\n",
        "a=b,\tc=d",
        ",".join(f"k{n}=v" for n in range(33)),
        "k=" + "x" * 257,
        "a=" + "b" * 200 + ",c=" + "d" * 200 + ",e=" + "f" * 200,
    ],
)
def test_invalid_tracestate(text: str) -> None:
    """Nothing at all, a malformed or oversize member, a tab, more than 32 members or 512 characters."""
    assert not valid_tracestate(text)


@given(text=ANY_TEXT)
def test_what_is_valid_may_stand_in_an_event(text: str) -> None:
    """No text raises, and what counts as valid is a CloudEvents String."""
    assert is_string(text) or not (valid_traceparent(text) or valid_tracestate(text))
