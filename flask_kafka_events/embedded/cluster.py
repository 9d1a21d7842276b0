"""librdkafka's mock cluster, reached through ctypes."""

from __future__ import annotations

import ctypes
import importlib
from ctypes import c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from types import MappingProxyType
from typing import TYPE_CHECKING

from flask_kafka_events.errors import EmbeddedBrokerError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRODUCER = 0
_ALL_BROKERS = -1  # with it these calls have no error to return
_TOPIC_ALREADY_EXISTS = 36

# Kafka's numbers of the requests that a producer or a simple consumer sends.
_API_KEYS: Mapping[str, int] = MappingProxyType(
    {"Produce": 0, "Fetch": 1, "ListOffsets": 2, "Metadata": 3, "InitProducerId": 22}
)


class _ErrorDescription(ctypes.Structure):
    _fields_ = (("code", c_int), ("name", c_char_p), ("text", c_char_p))


_SIGNATURES: Mapping[str, tuple[type | None, tuple[type, ...]]] = MappingProxyType(
    {
        "rd_kafka_conf_new": (c_void_p, ()),
        "rd_kafka_conf_set": (c_int, (c_void_p, c_char_p, c_char_p, c_char_p, c_size_t)),
        "rd_kafka_new": (c_void_p, (c_int, c_void_p, c_char_p, c_size_t)),
        "rd_kafka_destroy": (None, (c_void_p,)),
        "rd_kafka_get_err_descs": (None, (c_void_p, c_void_p)),
        "rd_kafka_mock_cluster_new": (c_void_p, (c_void_p, c_int)),
        "rd_kafka_mock_cluster_destroy": (None, (c_void_p,)),
        "rd_kafka_mock_cluster_bootstraps": (c_char_p, (c_void_p,)),
        "rd_kafka_mock_topic_create": (c_int, (c_void_p, c_char_p, c_int, c_int)),
        "rd_kafka_mock_topic_set_error": (None, (c_void_p, c_char_p, c_int)),
        "rd_kafka_mock_push_request_errors_array": (None, (c_void_p, c_int16, c_size_t, c_void_p)),
        "rd_kafka_mock_clear_request_errors": (None, (c_void_p, c_int16)),
        "rd_kafka_mock_broker_set_down": (c_int, (c_void_p, c_int32)),
        "rd_kafka_mock_broker_set_up": (c_int, (c_void_p, c_int32)),
        "rd_kafka_mock_broker_set_rtt": (c_int, (c_void_p, c_int32, c_int)),
    }
)


def librdkafka_path() -> str:
    """The file through which librdkafka's symbols are reached.

    It is confluent-kafka's extension module: a symbol is looked up in what a library depends on, too, so this
    finds the copy in a Linux or macOS wheel, conda's and the system's alike, without knowing where they lie.

    Raises:
        EmbeddedBrokerError: confluent-kafka is missing or can't be loaded.
    """
    try:
        extension = importlib.import_module("confluent_kafka.cimpl")
    except ImportError as error:
        raise EmbeddedBrokerError(
            f"No librdkafka for the embedded broker: {error}. "
            "Install confluent-kafka, or set KAFKA_EVENTS_BOOTSTRAP_SERVERS to a real broker."
        ) from error
    return str(extension.__file__)


class Cluster:
    """One mock broker on 127.0.0.1, in this process, until `close`.

    librdkafka promises no stability for these calls. It makes topics by itself with 4 partitions at their
    first use, and nothing it exports changes that number: `create_topic` has to come first.
    """

    def __init__(self, library: str) -> None:
        self._library = _load(library)
        self._handle = self._new_handle()
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._handle, 1)
        self.address: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self._is_up = True
        self._ms = 0

    def _new_handle(self) -> int:
        reason = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        # It would warn about the bootstrap.servers that a handle for a mock cluster doesn't need.
        self._library.rd_kafka_conf_set(conf, b"log_level", b"3", reason, len(reason))
        handle: int = self._library.rd_kafka_new(_PRODUCER, conf, reason, len(reason))
        return handle

    def create_topic(self, name: str, partitions: int) -> bool:
        """Make a topic; False if there is one of that name, whatever its partitions."""
        code = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        return bool(code != _TOPIC_ALREADY_EXISTS)

    def refuse(self, request: str, error: str, n: int) -> None:
        """Answer the next `n` requests of a kind with an error; `_TRANSPORT` drops the connection."""
        codes = (c_int * n)(*[self._error_code(error)] * n)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, _API_KEYS[request], n, ctypes.addressof(codes)
        )

    def accept(self, request: str) -> None:
        """Forget what is left of the refusals of a kind."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, _API_KEYS[request])

    def fail_topic(self, name: str, error: str | None) -> None:
        """Put an error on a topic's metadata, or take it away."""
        # librdkafka would make a missing topic here, with its 4 partitions.
        self.create_topic(name, 1)
        code = 0 if error is None else self._error_code(error)
        self._library.rd_kafka_mock_topic_set_error(self._cluster, name.encode(), code)

    def down(self) -> bool:
        """Drop every connection and refuse new ones; the events stay. Returns whether it was up."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, _ALL_BROKERS)
        was_up, self._is_up = self._is_up, False
        return was_up

    def up(self) -> None:
        """Take connections again on the same port."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, _ALL_BROKERS)
        self._is_up = True

    def round_trip(self, ms: int) -> int:
        """Delay every answer; returns the delay before, in milliseconds."""
        self._library.rd_kafka_mock_broker_set_rtt(self._cluster, _ALL_BROKERS, ms)
        before, self._ms = self._ms, ms
        return before

    def close(self) -> None:
        """End the broker and forget its events."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)

    def _error_code(self, name: str) -> int:
        table, count = ctypes.POINTER(_ErrorDescription)(), c_size_t()
        self._library.rd_kafka_get_err_descs(ctypes.byref(table), ctypes.byref(count))
        for description in table[: count.value]:
            if description.name == name.encode():
                return int(description.code)
        raise EmbeddedBrokerError(
            f"librdkafka knows no error {name!r}. "
            "Write it as in confluent_kafka.KafkaError, NOT_LEADER_FOR_PARTITION or _TRANSPORT for example."
        )


def _load(path: str) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(path)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise EmbeddedBrokerError(
            f"{path} is no librdkafka that the embedded broker can use: {error}. "
            "Install another version of confluent-kafka (2.16.1 is known to work), "
            "or set KAFKA_EVENTS_BOOTSTRAP_SERVERS to a real broker."
        ) from error
    return library
