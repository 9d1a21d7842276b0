"""Topics that go away, come back, or grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.rows import fault
from tests.kafka.apache_kafka import ApacheKafka

if TYPE_CHECKING:
    from tests.faults.trial import Trial


@fault("topic deleted, made again")
def topic_deleted(trial: Trial) -> None:
    """Only events sent after the topic is there again count; the others went with the old one, or wait."""
    trial.create_topics(partitions=2)
    with trial.load():
        trial.for_each(lambda subject: trial.admin.delete_topic(subject.topic))
        trial.go_on(200)
        trial.create_topics(partitions=2)
        trial.count_from_now()
        trial.go_on(300)


@fault("partitions added")
def partitions_added(trial: Trial) -> None:
    """A topic grows from one partition to four; keys move, and within each partition their order holds."""
    trial.create_topics()
    with trial.load():
        trial.for_each(lambda subject: trial.admin.add_partitions(subject.topic, 4))
        trial.go_on(300)


@fault("topic auto-creation on")
def auto_creation(trial: Trial) -> None:
    """A broker of its own makes topics by itself, and nobody made this one."""
    directory = trial.folder / "auto-creating"
    directory.mkdir()
    broker = ApacheKafka(jars=trial.cluster.jars, directory=directory, heap="256m")
    broker.write_settings()
    text = broker.settings.read_text()
    broker.settings.write_text(
        text.replace("auto.create.topics.enable=false", "auto.create.topics.enable=true")
    )
    broker.format()
    trial.bootstrap = broker.bootstrap
    for subject in trial.subjects:
        subject.settings["BOOTSTRAP_SERVERS"] = broker.bootstrap
    broker.start()
    try:
        with trial.load():
            trial.go_on(200)
    finally:
        broker.stop()
