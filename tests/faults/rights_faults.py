"""Rights, passwords and certificates that are wrong, and made right while the app runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.rows import fault
from tests.faults.trial import ACCOUNTED
from tests.kafka.cluster import PASSWORD, USER

if TYPE_CHECKING:
    from tests.faults.subject import Subject
    from tests.faults.trial import Trial

CHECK_CERTIFICATE = "Check ssl.ca.location"


@fault("ACL denies one topic")
def denied(trial: Trial) -> None:
    """A user may not write to a topic, then may again; what was refused is accounted for, another topic unharmed."""
    trial.may_lose = dict.fromkeys(trial.modes, ACCOUNTED)
    trial.go_secure()
    trial.create_topics()
    trial.create_others()
    with trial.load():
        trial.for_each(lambda subject: trial.admin.deny_writing(subject.topic, USER))
        trial.await_told("Give the app's user the right")
        trial.go_on(100)
        trial.for_each(lambda subject: trial.admin.allow_writing(subject.topic, USER))
        trial.go_on(200)
        trial.for_each(_check_refused)


def _check_refused(subject: Subject) -> None:
    stats = subject.ledger()
    refused = stats["failed"].get("TOPIC_AUTHORIZATION_FAILED", 0) + stats["dead"]
    assert refused > 0, f"nothing was refused: {stats}"
    assert stats["delivered"] > refused, f"the other topic was harmed: {stats}"


@fault("password wrong, then rotated")
def password_wrong(trial: Trial) -> None:
    """CREDENTIALS gives a wrong password until the file behind it is changed; the app isn't restarted."""
    trial.go_secure(password="wrong")
    trial.create_topics()
    with trial.load(delivering=False):
        trial.await_told("Check sasl.username and sasl.password")
        trial.go_on(300)
        trial.check_told_once("Check sasl.username and sasl.password")
        trial.rotate(PASSWORD)
        trial.go_on(100)


@fault("broker's certificate expired")
def certificate_expired(trial: Trial) -> None:
    """The brokers show a certificate that is over, then a new one."""
    _show(trial, trial.cluster.authority.sign("expired", days=-1), trial.cluster.authority.sign("renewed"))


@fault("broker's certificate of another host")
def certificate_of_another_host(trial: Trial) -> None:
    """The brokers show a certificate for another host, then their own."""
    wrong = trial.cluster.authority.sign("elsewhere", host="DNS:elsewhere.example")
    _show(trial, wrong, trial.cluster.authority.sign("right-host"))


def _show(trial: Trial, wrong: Path, right: Path) -> None:
    trial.go_secure()
    trial.create_topics()
    trial.admin.set_certificate(wrong)
    try:
        with trial.load(delivering=False):
            trial.await_told(CHECK_CERTIFICATE)
            trial.go_on(300)
            trial.check_told_once(CHECK_CERTIFICATE)
            trial.admin.set_certificate(right)
            trial.go_on(100)
    finally:
        trial.admin.set_certificate(trial.cluster.authority.sign(f"after-{wrong.stem}"))


@fault("own certificate expired")
def own_certificate_expired(trial: Trial) -> None:
    """The app's own certificate is over; it is renewed on disk, under the same name, and the app isn't restarted."""
    trial.go_secure()
    trial.create_topics()
    own = trial.cluster.directory / "own.pem"
    own.write_bytes(trial.cluster.authority.sign("own-expired", days=-1).read_bytes())
    trial.set_producer(ssl_certificate_location=str(own), ssl_key_location=str(own))
    renewed = trial.cluster.authority.sign("own-renewed").read_bytes()
    with trial.load(delivering=False):
        trial.await_told("ssl.certificate.location")
        trial.go_on(300)
        trial.check_told_once("ssl.certificate.location")
        own.write_bytes(renewed)
        trial.go_on(100)


@fault("password wrong for 2.5 min", long=True)
def password_wrong_for_minutes(trial: Trial) -> None:
    """The broker refuses it twice a second, and the log says so once a minute."""
    trial.go_secure(password="wrong")
    trial.create_topics()
    with trial.load(delivering=False):
        trial.go_on(int(150 * trial.rate))
        for subject in trial.subjects:
            told = subject.log.count("Check sasl.username and sasl.password")
            assert told == 3, f"told {told} times in 150 s ({subject.mode})"
        trial.rotate(PASSWORD)
        trial.go_on(100)
