"""How it is with the broker, in words."""

from __future__ import annotations

from flask_kafka_events import Stats


def broker_words(stats: Stats, *, answers: bool, has_topic: bool) -> str:
    """One or two sentences.

    Args:
        stats: this process's ledger.
        answers: whether the broker answered just now.
        has_topic: whether the topic is there.
    """
    if not answers:
        kept = (
            f"{_waiting(stats.pending)} and will be sent when it is back"
            if stats.pending
            else "none waits yet"
        )
        return f"Kafka is away. Purchases go on: {kept}."
    if not has_topic:
        return "Kafka answers. The topic isn't there yet; the first event may make it."
    if stats.pending:
        return f"Kafka answers. {_waiting(stats.pending)} for its acknowledgement."
    return "Kafka answers, and nothing waits."


def _waiting(number: int) -> str:
    return "1 event waits" if number == 1 else f"{number:,} events wait"
