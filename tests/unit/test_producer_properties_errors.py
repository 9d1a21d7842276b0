"""A property that would break a guarantee, or can't be read, is refused with the reason and without its value."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.producer_properties import read_producer_properties

BEHIND = "librdkafka would drop events behind the extension's back when it runs out. They wait for the broker; KAFKA_EVENTS_QUEUE_EVENTS and KAFKA_EVENTS_QUEUE_BYTES say how many."
RETRIES = "events that the broker could still take would be given up. Leave it out: they are sent until they are acknowledged."
CALLBACK = "the extension sets it. Deliveries and errors reach you by its signals and in the app's log."
REPORT = "each event is counted by its own report. Leave it out."
DIRECTLY = "write the properties in it directly into KAFKA_EVENTS_PRODUCER."
NOT_FROM_PYTHON = "it can't be set from Python. Leave it out."
ACKS = "it must be all, otherwise an acknowledged event is lost with the one broker that has it."
IDEMPOTENCE = "it must be true, otherwise a retry could double events or change their order."
IN_FLIGHT = "it must be from 1 to 5, otherwise the broker can't keep the events in order."
PLAIN = "text, a whole number, True or False"
DOTS = "In a name from the environment two underscores open a mapping and one stands for a dot."


def refusal(raw: object) -> str:
    """The message that refuses these properties."""
    with pytest.raises(ConfigurationError) as caught:
        read_producer_properties(raw, "shop")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("bootstrap.servers", "a:1", "set KAFKA_EVENTS_BOOTSTRAP_SERVERS instead."),
        ("metadata_broker_list", "a:1", "set KAFKA_EVENTS_BOOTSTRAP_SERVERS instead."),
        ("message.timeout.ms", 0, BEHIND),
        ("delivery_timeout_ms", 60_000, BEHIND),
        ("retries", 3, RETRIES),
        ("message.send.max.retries", 3, RETRIES),
        ("queue.buffering.max.messages", 5, "set KAFKA_EVENTS_QUEUE_EVENTS instead."),
        ("queue.buffering.max.kbytes", 5, "set KAFKA_EVENTS_QUEUE_BYTES instead."),
        ("message.max.bytes", 5, "set KAFKA_EVENTS_MAX_EVENT_BYTES instead."),
        ("topic.metadata.propagation.max.ms", 5, "set KAFKA_EVENTS_UNKNOWN_TOPIC_SECONDS instead."),
        ("test.mock.num.brokers", 1, 'set KAFKA_EVENTS_BOOTSTRAP_SERVERS to "embedded" instead.'),
        ("transactional.id", "x", "events are sent one by one, in no transaction, and would all fail. Leave it out."),
        ("enable.gapless.guarantee", True, "one event that fails would stop the producer for all others. Leave it out."),
        ("delivery.report.only.error", True, REPORT),
        ("enabled_events", 1, REPORT),
        ("log.queue", True, "librdkafka's log goes to the app's logger by itself. Leave it out."),
        ("default.topic.config", {"acks": 1}, DIRECTLY),
        ("default_topic_conf", {"acks": 1}, DIRECTLY),
        ("oauthbearer_token_refresh_cb", print, "give the function as oauth_cb."),
        *((name, print, CALLBACK) for name in ("dr_cb", "dr_msg_cb", "on_delivery", "error_cb", "stats_cb", "throttle_cb", "log_cb", "background_event_cb", "logger")),
        *((name, print, NOT_FROM_PYTHON) for name in ("opaque", "interceptors", "ssl_engine_callback_data", "msg_order_cmp", "partitioner_cb")),
        ("enable.idempotence", False, IDEMPOTENCE),
        ("enable_idempotence", "false", IDEMPOTENCE),
        ("acks", 1, ACKS),
        ("request.required.acks", "0", ACKS),
        ("max.in.flight", 6, IN_FLIGHT),
        ("max.in.flight", "0x5", IN_FLIGHT),
        ("max_in_flight_requests_per_connection", 1000000, IN_FLIGHT),
        ("queuing.strategy", "lifo", "it must be fifo, otherwise events lose their order."),
        ("partitioner", "random", "random takes no notice of the key, so its events would lose their order. Leave it out."),
    ],
)  # fmt: skip
def test_broken_guarantee_is_refused_with_the_reason(name: str, value: object, reason: str) -> None:
    """A property that would break a guarantee, under any of its names, is refused with the reason."""
    assert refusal({name: value}) == f"KAFKA_EVENTS_PRODUCER[{name!r}] of app 'shop' is refused: {reason}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sasl_password", 1e5, """must be text, got float. From the environment quote it: FLASK_KAFKA_EVENTS_PRODUCER__sasl_password='"..."'"""),
        ("sasl.password", 2024, """must be text, got int. From the environment quote it: FLASK_KAFKA_EVENTS_PRODUCER__sasl_password='"..."'"""),
        ("ssl.key.password", True, """must be text, got bool. From the environment quote it: FLASK_KAFKA_EVENTS_PRODUCER__ssl_key_password='"..."'"""),
        ("client.id", 1e5, f"""must be {PLAIN}, got float. From the environment quote it: FLASK_KAFKA_EVENTS_PRODUCER__client_id='"..."'"""),
        ("client.id", None, f"must be {PLAIN}, got NoneType. {DOTS}"),
        ("sasl", {"password": "geheim"}, f"must be {PLAIN}, got dict. {DOTS}"),
        ("ssl.certificate.verify_cb", print, f"must be {PLAIN}, got builtin_function_or_method. {DOTS}"),
        ("batch.size", 2**31, "is a number of more than 32 bits. librdkafka would cut it short."),
        ("client.id", "a\0b", "has a character that librdkafka can't take: NUL or a lone surrogate."),
        ("sasl.password", "\ud800", "has a character that librdkafka can't take: NUL or a lone surrogate."),
        ("oauth_cb", "shop:token", "must be a function, got str. Set it in Python."),
        ("SASL_PASSWORD", "geheim", "has capital letters. Write 'sasl_password'."),
        ("SASL_PASSWORD_FILE", "/x", "has capital letters. Write 'sasl_password_FILE'."),
        ("topic.acks", 0, "is a second name. Write 'acks'."),
        ("topic_message_timeout_ms", 5, "is a second name. Write 'message.timeout.ms'."),
        ("sasl.password_FILE", 2024, "must be the path of a file, got int."),
        ("sasl.password_FILE", "/run/none", "names a file that can't be read: No such file or directory. Correct the path or the file."),
        ("sasl.password_FILE", "/", "names a file that can't be read: Is a directory. Correct the path or the file."),
        ("sasl.password_FILE", "a\0", "names a file that can't be read: its path has a character that no path can have. Correct the path or the file."),
    ],
)  # fmt: skip
def test_wrong_value_is_told(name: str, value: object, message: str) -> None:
    """A value that librdkafka can't take is refused; the message shows its type and never itself."""
    assert refusal({name: value}) == f"KAFKA_EVENTS_PRODUCER[{name!r}] of app 'shop' {message}"


def test_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """A file that isn't UTF-8 is refused, and neither the message nor its cause shows what is in it."""
    file = tmp_path / "password"
    file.write_bytes(b"geheim\xff")
    with pytest.raises(ConfigurationError) as caught:
        read_producer_properties({"sasl_password_FILE": file}, "shop")
    expected = "names a file that can't be read: it is not UTF-8 text. Correct the path or the file."
    assert str(caught.value) == f"KAFKA_EVENTS_PRODUCER['sasl_password_FILE'] of app 'shop' {expected}"
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_rules_hold_for_values_from_files(tmp_path: Path) -> None:
    """What a file says breaks no guarantee either."""
    file = tmp_path / "acks"
    file.write_text("1\n")
    assert (
        refusal({"acks_FILE": file}) == f"KAFKA_EVENTS_PRODUCER['acks_FILE'] of app 'shop' is refused: {ACKS}"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sasl_password", "sasl.password"),
        ("sasl.password", "sasl.password_FILE"),
        ("sasl_password_FILE", "sasl.password"),
        ("queue.buffering.max.ms", "linger_ms"),
        ("log_level", "log.level"),
    ],
)
def test_property_given_twice_is_refused(tmp_path: Path, one: str, other: str) -> None:
    """One property under two spellings is an error that names both."""
    file = tmp_path / "value"
    file.write_text("1")
    raw = {name: str(file) if name.endswith("_FILE") else "1" for name in (one, other)}
    twice = (
        f"KAFKA_EVENTS_PRODUCER of app 'shop' has one property twice, as {one!r} and as {other!r}. Keep one."
    )
    assert refusal(raw) == twice


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "must be a mapping, got NoneType."),
        ("acks=1", """must be a mapping, got str. From the environment: FLASK_KAFKA_EVENTS_PRODUCER='{"name": "value"}'"""),
        ({1: "x"}, "must be a mapping with names that are text and not empty, got one that holds 1 (int)."),
    ],
)  # fmt: skip
def test_what_is_no_mapping_is_told(raw: object, message: str) -> None:
    """Properties that are no mapping of names are refused."""
    assert refusal(raw) == f"KAFKA_EVENTS_PRODUCER of app 'shop' {message}"


@given(
    st.sampled_from(["sasl_password", "acks", "partitioner", "retries", "oauth_cb"]),
    st.integers(10**6, 10**12),
)
def test_value_is_never_shown(name: str, value: int) -> None:
    """A refused value, a secret perhaps, is in no message: neither as a number nor as text."""
    for given_value in (value, float(value), f"{value}\0"):
        try:
            read_producer_properties({name: given_value}, "shop")
        except ConfigurationError as error:
            shown = str(error)
        else:
            shown = ""
        assert str(value) not in shown
