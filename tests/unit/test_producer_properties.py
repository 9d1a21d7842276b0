"""librdkafka's properties as the user gives them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.masking import scrub
from flask_kafka_events.producer_properties import ProducerProperties, PropertyValue, read_producer_properties
from flask_kafka_events.producer_rules import canonical_name


def read(raw: object) -> ProducerProperties:
    """Read the properties as those of the app `shop`."""
    return read_producer_properties(raw, "shop")


def fetch_token(config: str) -> tuple[str, float]:
    """A user's function for OAuth."""
    return config, 0.0


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("sasl_password", "sasl.password"),
        ("sasl.password", "sasl.password"),
        ("ssl_key.location", "ssl.key.location"),
        ("queue_buffering_max_ms", "linger.ms"),
        ("linger.ms", "linger.ms"),
        ("compression.codec", "compression.type"),
        ("sasl.mechanisms", "sasl.mechanism"),
        ("max.in.flight.requests.per.connection", "max.in.flight"),
        ("sasl_oauthbearer_client_credentials_client_secret", "sasl.oauthbearer.client.secret"),
        ("topic.metadata.refresh.interval.ms", "topic.metadata.refresh.interval.ms"),
        ("topic_blacklist", "topic.blacklist"),
        ("some.property.of.tomorrow", "some.property.of.tomorrow"),
    ],
)
def test_each_spelling_is_one_property(given_name: str, name: str) -> None:
    """Underscores are read as dots, and librdkafka's second names as the first."""
    assert dict(read({given_name: "5"})) == {name: "5"}


@given(
    value=st.integers(-(2**31), 2**31 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    as_text=st.booleans(),
)
def test_a_number_is_read_however_it_is_written(value: float, as_text: bool) -> None:
    """As a number, or as the text that it is in an environment variable."""
    assert ProducerProperties({"linger.ms": str(value) if as_text else value}).number("linger.ms", 5) == value


@pytest.mark.parametrize("value", ["", "soon", "0x10", "nan", "inf", "1,5", fetch_token])
def test_what_is_no_number_is_the_default(value: PropertyValue) -> None:
    """So is what isn't given."""
    assert ProducerProperties({"linger.ms": value}).number("linger.ms", 5) == 5
    assert ProducerProperties().number("linger.ms", 5) == 5


@pytest.mark.parametrize("given_name", ["log_level", "log.level"])
def test_real_underscores_stay(given_name: str) -> None:
    """A property whose own name has an underscore keeps it."""
    assert dict(read({given_name: 6})) == {"log_level": 6}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client.id", "shop"), ("client.id", ""), ("batch.size", 2**31 - 1), ("batch.num.messages", -(2**31) + 1),
        ("socket.keepalive.enable", True), ("linger.ms", 0.5), ("oauth_cb", fetch_token), ("sasl.username", 5),
        ("enable.idempotence", True), ("enable.idempotence", "TRUE"), ("enable.idempotence", 1), ("acks", "all"),
        ("acks", -1), ("acks", "-1"), ("max.in.flight", 5), ("max.in.flight", "1"), ("queuing.strategy", "fifo"),
        ("partitioner", "consistent_random"),
    ],
)  # fmt: skip
def test_allowed_value_is_unchanged(name: str, value: object) -> None:
    """A value that breaks no guarantee is kept as it is, of its type."""
    assert read({name: value})[name] is value


def test_value_comes_from_a_file(tmp_path: Path) -> None:
    """A name that ends in _FILE gives the path, as text or Path, of the file with the value."""
    file = tmp_path / "password"
    file.write_text("gehé im", encoding="utf-8")
    assert dict(read({"sasl_password_FILE": str(file)})) == {"sasl.password": "gehé im"}
    assert dict(read({"sasl.password_FILE": file})) == {"sasl.password": "gehé im"}


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"a\n", "a"),
        (b"a\r\n", "a"),
        (b"a\n\n", "a\n"),
        (b" a ", " a "),
        (b"a\r", "a\r"),
        (b"", ""),
        (b"\n", ""),
    ],
)
def test_one_line_end_is_cut_off(tmp_path: Path, content: bytes, value: str) -> None:
    """Of a file's content the one line end at its end isn't part of the value."""
    file = tmp_path / "password"
    file.write_bytes(content)
    assert read({"sasl.password_FILE": file})["sasl.password"] == value


def test_neither_repr_nor_str_shows_a_value() -> None:
    """Properties show their names only."""
    properties = read({"sasl_password": "geheim", "client.id": "geheim"})
    assert repr(properties) == str(properties) == "ProducerProperties(sasl.password, client.id)"


def test_properties_are_a_value() -> None:
    """Properties with the same names and values are equal and have the same hash, and no item can be set."""
    one, other = read({"linger_ms": 5}), read({"linger.ms": 5})
    assert one == other
    assert hash(one) == hash(other)
    assert one != read({"linger_ms": 6})
    assert (len(one), list(one), "linger.ms" in one) == (1, ["linger.ms"], True)
    with pytest.raises(TypeError):
        one["linger.ms"] = 6  # type: ignore[index]


def test_later_changes_of_the_config_do_not_leak_in() -> None:
    """What is changed in the app's mapping after it was read changes nothing."""
    raw: dict[str, object] = {"linger.ms": 5}
    properties = read(raw)
    raw["linger.ms"] = 6
    assert properties["linger.ms"] == 5


@pytest.mark.parametrize(
    "name",
    [
        "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config", "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem", "sasl.kerberos.kinit.cmd",
    ],
)  # fmt: skip
def test_secret_properties_are_known(name: str) -> None:
    """The value of a property that holds a password or a private key is a secret."""
    assert read({name: "geheim", "client.id": "shop"}).secret_values() == ("geheim",)


def test_what_comes_from_a_file_is_a_secret(tmp_path: Path) -> None:
    """Whatever the property, a value that was read from a file is a secret; an empty one is none."""
    file, empty = tmp_path / "id", tmp_path / "empty"
    file.write_text("geheim")
    empty.write_text("")
    assert read({"client.id_FILE": file, "sasl.password_FILE": empty}).secret_values() == ("geheim",)


def test_scrub_takes_the_secrets_out() -> None:
    """A text that holds the password is given back with a mask in its place."""
    properties = read({"sasl_password": "geheim", "client.id": "shop"})
    assert scrub("shop failed with geheim", properties.secret_values()) == "shop failed with ***"


@given(st.text(min_size=1).filter(lambda text: "\0" not in text and text.isascii()), st.text(), st.text())
def test_scrub_never_leaves_a_secret(secret: str, before: str, after: str) -> None:
    """Whatever the password and the text around it, it is not in the scrubbed text."""
    assert secret not in scrub(before + secret + after, read({"sasl_password": secret}).secret_values())


def test_files_that_librdkafka_reads_are_known() -> None:
    """The certificate and key files are the paths given, without librdkafka's own word for looking around."""
    properties = read({
        "ssl_ca_location": "/ca.pem", "ssl.certificate.location": "/cert.pem", "ssl.key.location": "/key.pem",
        "ssl.keystore.location": "/store.p12", "ssl.crl.location": "", "https.ca.location": "probe",
    })  # fmt: skip
    assert properties.file_locations() == tuple(map(Path, ("/ca.pem", "/cert.pem", "/key.pem", "/store.p12")))


@given(st.from_regex(r"[a-z]+(\.[a-z]+)*", fullmatch=True))
def test_spelling_does_not_matter(name: str) -> None:
    """A name with dots and the same with underscores are one property."""
    assert (
        canonical_name(name) == canonical_name(name.replace(".", "_")) == canonical_name(canonical_name(name))
    )


@given(
    st.dictionaries(
        st.sampled_from(["sasl.password", "sasl_password", "acks", "linger.ms", "oauth_cb", "client.id_FILE"])
        | st.text(),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(print),
    )
)
def test_nothing_but_configuration_errors_are_raised(raw: dict[str, object]) -> None:
    """Whatever the mapping holds, it is read as plain values or refused with a ConfigurationError."""
    try:
        properties = read(raw)
    except ConfigurationError:
        return
    assert len(properties) == len(raw)
