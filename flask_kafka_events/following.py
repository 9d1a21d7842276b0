"""How an app's events come to be followed, from their records to their ends."""

from functools import partial

from flask_kafka_events.content import ContentMaker
from flask_kafka_events.delivery.followed import FollowedDelivery, Follower, has_begun
from flask_kafka_events.errors import ConfigurationError
from flask_kafka_events.formats import FORMATS
from flask_kafka_events.pipeline import Pipeline


def follow(pipeline: Pipeline, follower: Follower, *, asked_by: str) -> None:
    """Have all of an app's events followed. It changes parts that the pipeline has anyway: others' apps pay nothing for it.

    Args:
        pipeline: the app's.
        follower: told of each event.
        asked_by: the public function that was called for it.

    Raises:
        ConfigurationError: this process has events already.
    """
    made = pipeline.processes.made()
    if made is not None and has_begun(made):
        raise ConfigurationError(
            f"{asked_by} came too late for app {pipeline.host.name!r}, whose events have begun in this process. Call it right "
            f"after init_app."
        )
    formats = {name: follower.writing(write) for name, write in FORMATS.items()}
    pipeline.contents = ContentMaker(settings=pipeline.settings, formats=formats)
    pipeline.make_delivery = partial(FollowedDelivery, follower=follower)
    pipeline.processes.forget()  # one that was only asked for its counters
