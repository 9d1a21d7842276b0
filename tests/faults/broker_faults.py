"""Brokers that die, restart, hang or throttle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.rows import fault

if TYPE_CHECKING:
    from tests.faults.subject import Subject
    from tests.faults.trial import Trial

OUTAGE_SECONDS = 330  # librdkafka's own message.timeout.ms would be 300 s


@fault("leader killed -9")
def leader_killed(trial: Trial) -> None:
    """The leader of a partition is killed three times, each time whoever it is."""
    trial.create_topics(partitions=3, min_in_sync=2)
    with trial.load():
        for _ in range(3):
            leader = trial.admin.leader(trial.subjects[0].topic)
            trial.cluster.kill(leader)
            trial.go_on(200)
            trial.cluster.start(leader)
            trial.for_each(lambda subject: trial.admin.await_in_sync(subject.topic, partitions=3))


@fault("all brokers down")
def all_down(trial: Trial) -> None:
    """All three are killed at once and come back."""
    trial.create_topics(min_in_sync=2)
    with trial.load():
        trial.cluster.kill(1, 2, 3)
        trial.go_on(300)
        trial.cluster.start()
        trial.go_on(100)


@fault("all brokers down 5.5 min", long=True)
def all_down_for_minutes(trial: Trial) -> None:
    """The same for longer than librdkafka would keep an event by default; nothing is shortened."""
    trial.rate = 50
    trial.create_topics(min_in_sync=2)
    with trial.load():
        trial.cluster.kill(1, 2, 3)
        trial.go_on(int(OUTAGE_SECONDS * trial.rate))
        trial.cluster.start()
        trial.go_on(100)


@fault("rolling restart")
def rolling_restart(trial: Trial) -> None:
    """One broker after the other is ended in good order and started again."""
    trial.create_topics(partitions=3, min_in_sync=2)
    with trial.load():
        for node in (1, 2, 3):
            trial.cluster.end(node)
            trial.cluster.start(node)
            trial.for_each(lambda subject: trial.admin.await_in_sync(subject.topic, partitions=3))


@fault("network hangs")
def network_hangs(trial: Trial) -> None:
    """Every byte is swallowed for 6 s, then new connections work; librdkafka gives up old ones after 3 s, not 60."""
    for subject in trial.subjects:
        subject.settings["BOOTSTRAP_SERVERS"] = trial.cluster.proxied
    trial.set_producer(socket_timeout_ms=3000, request_timeout_ms=3000)
    trial.create_topics()
    with trial.load():
        for proxy in trial.cluster.proxies.values():
            proxy.hang()
        trial.go_on(600)
        for proxy in trial.cluster.proxies.values():
            proxy.recover()
        trial.go_on(100)


@fault("min.insync.replicas not met")
def too_few_in_sync(trial: Trial) -> None:
    """One of three is down where three must be in sync: nothing is acknowledged until it is back."""
    trial.create_topics(min_in_sync=3)
    with trial.load():
        leader = trial.admin.leader(trial.subjects[0].topic)
        follower = next(node for node in trial.cluster.running() if node != leader)
        trial.cluster.kill(follower)
        trial.go_on(300)
        trial.cluster.start(follower)
        trial.go_on(100)


@fault("one topic down, another up")
def one_topic_down(trial: Trial) -> None:
    """The only broker of one topic is down; the events of another go on to arrive."""
    trial.create_topics(on=[3])
    trial.create_others(on=[1, 2])
    with trial.load():
        trial.cluster.kill(3)
        trial.go_on(200)
        before = {subject.mode: subject.load.answered() for subject in trial.subjects}
        trial.go_on(150)
        trial.for_each(lambda subject: _check_other_arrived(trial, subject, before[subject.mode]))
        trial.cluster.start(3)
        trial.go_on(100)


def _check_other_arrived(trial: Trial, subject: Subject, answered: int) -> None:
    there = {each.number for each in trial.arrived(subject.other)}
    ours = [each.number for each in subject.load.asked[:answered] if each.number // 4 % 2]
    missing = [number for number in ours if number not in there]
    assert not missing, f"{len(missing)} of {len(ours)} events for the healthy topic wait ({subject.mode})"


@fault("quota")
def quota(trial: Trial) -> None:
    """The brokers let a client send a tenth of what it wants to, then all."""
    trial.create_topics()
    for subject in trial.subjects:
        subject.settings["PRODUCER"] = {"client.id": subject.topic}
        trial.admin.set_quota(subject.topic, 5000)
    with trial.load(delivering=False):
        trial.go_on(400)
        trial.for_each(_check_throttled)
        trial.for_each(lambda subject: trial.admin.set_quota(subject.topic, None))
        trial.go_on(100)


def _check_throttled(subject: Subject) -> None:
    pending = subject.ledger()["pending"]
    assert pending > 100, f"only {pending} events wait: the quota doesn't throttle"
