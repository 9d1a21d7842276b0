"""docs/reference/metrics.md and the dashboard beside it, held to the code and to scrapes of a server."""

import json
import re
import signal
from typing import Any

import pytest

from flask_kafka_events.contrib.prometheus.catalogue import CATALOGUE, PREFIX
from flask_kafka_events.contrib.prometheus.event_types import LONGEST, MOST
from flask_kafka_events.delivery.connection import STATISTICS
from flask_kafka_events.ledger import JOURNAL_TAKEN
from tests.examples.promql import parsed
from tests.processes import wait_until
from tests.scrapes import Series, samples, total
from tests.servers.serving import ROOT, serving

PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text()
DASHBOARD = json.loads((ROOT / "docs" / "grafana" / "dashboard.json").read_text())
MERGED = {"livesum": "sum", "livemin": "least", "livemax": "greatest"}
#: The page's app, with what it leaves to the reader: events.
SHOP = """
import page
from flask_kafka_events import current_event, emit_event

app = page.create_app()


@app.get("/buy")
@emit_event("sold")
def buy():
    return "sold"


@app.get("/spoil")
@emit_event("spoilt")
def spoil():
    current_event["price"] = float("nan")
    return "sold"
"""
SERVERS = {
    "flask-run": ("flask", "--app", "shop", "run", "-p", "PORT"),
    "gunicorn": ("gunicorn", "-b", "127.0.0.1:PORT", "-w", "2", "shop:app"),
}


@pytest.fixture(scope="module", params=SERVERS)
def scraped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[Series, float]:
    """What the page's app shows under a server with one worker or, by the page's hook and directory, with two."""
    folder = tmp_path_factory.mktemp("metrics")
    app, hook = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (folder / "page.py").write_text(app)
    (folder / "gunicorn.conf.py").write_text(hook)
    (folder / "shop.py").write_text(SHOP)
    settings = {
        "BOOTSTRAP_SERVERS": "embedded",
        "TOPIC": "shop_events",
        "JOURNAL": str(folder / "journal"),
        "STRICT": "false",
        "PRODUCER": '{"statistics.interval.ms": 100}',
    }
    environment = {f"FLASK_KAFKA_EVENTS_{name}": value for name, value in settings.items()}
    if request.param == "gunicorn":
        (folder / "shared").mkdir()
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "shared")
    found: dict[Series, float] = {}
    with serving("", folder, *SERVERS[request.param], **environment) as server:
        for _ in range(10):
            server.get("/buy")
        server.get("/spoil")

        def is_complete() -> bool:
            found.clear()
            found.update(samples(server.get("/metrics")))
            sent = total(found, "outcomes_total", type="sold", outcome="delivered")
            return sent == 10 and total(found, "broker_connected", broker="1") == 1

        wait_until(is_complete, "all is sent, and librdkafka has told its statistics")
        server.end(signal.SIGTERM)
    return found


def queries() -> list[str]:
    """The dashboard's, those of its variables too."""
    asked: list[str] = [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())
    ]
    variables: list[dict[str, Any]] = DASHBOARD["templating"]["list"]
    for variable in variables:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert found is not None
            asked.append(f"sum by ({found[2]}) ({found[1]})")
    return asked


def labels_of(scraped: dict[Series, float]) -> dict[str, set[str]]:
    """The labels that a scrape's metrics have, by their whole names."""
    known: dict[str, set[str]] = {}
    for name, labels in scraped:
        known.setdefault(PREFIX + name, set()).update(dict(labels))
    return known


def test_the_page_has_every_metric_as_it_is() -> None:
    """Each one's name, type, labels, unit, how several processes make one value, and its help text; and no other."""
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{PREFIX}")]
    assert rows == [
        f"| `{PREFIX}{each.name}` | {each.kind} | {', '.join(f'`{name}`' for name in ('app', *each.labels))} | {each.unit} "
        f"| {MERGED[each.merging]} | {each.meaning} |"
        for each in CATALOGUE
    ]


def test_the_page_has_the_numbers_of_the_code() -> None:
    """The bounds of the label `type`, and how often librdkafka makes its statistics."""
    text = " ".join(PAGE.split())
    assert f"`type` has at most {MOST} values" in text
    assert f"longer than {LONGEST} characters" in text
    assert f"made every {STATISTICS // 1000} s" in text


def test_names_keep_prometheus_conventions() -> None:
    """A counter ends in `_total`, nothing else does; what is in seconds or bytes says so, in base units."""
    for each in CATALOGUE:
        assert each.name.endswith("_total") == (each.kind == "counter"), each.name
        stem = each.name.removesuffix("_total")
        for unit in ("seconds", "bytes"):
            assert stem.endswith(f"_{unit}") == (each.unit == unit), each.name
        assert not set(each.labels) & {"le", "quantile", "app"}, each.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", each.name)


def test_a_scrape_shows_every_metric(scraped: dict[Series, float]) -> None:
    """With a journal and a broker all are there, with their labels, and nothing else is."""
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    wanted = {
        each.name + suffix: {"app", *each.labels, *({"le"} if suffix == "_bucket" else ())}
        for each in CATALOGUE
        for suffix in suffixes.get(each.kind, ("",))
    }
    found = {
        name.removeprefix(PREFIX): labels
        for name, labels in labels_of(scraped).items()
        if not name.endswith("_created")
    }
    assert found == wanted


@pytest.mark.parametrize("query", queries())
def test_each_query_of_the_dashboard_has_an_answer(query: str, scraped: dict[Series, float]) -> None:
    """Every metric in it is in a scrape, with every label that it selects and groups by."""
    known, asked = labels_of(scraped), parsed(query)
    assert asked.selectors
    for metric, labels in asked.selectors:
        assert labels | asked.groupings <= known[metric], query


def test_the_dashboard_shows_every_metric() -> None:
    """None is left out."""
    shown = {metric for query in queries() for metric, _ in parsed(query).selectors}
    for each in CATALOGUE:
        assert {PREFIX + each.name, f"{PREFIX}{each.name}_bucket"} & shown, each.name


def test_the_dashboard_takes_nothing_for_lost_that_is_sent() -> None:
    """What another process has taken is dropped here, and in no panel of what is lost; nor is it worth an alert."""
    (lost,) = [each for each in queries() if 'outcome!="delivered"' in each]
    assert f'reason!="{JOURNAL_TAKEN}"' in lost
    assert f"a `reason` other than `{JOURNAL_TAKEN}`" in PAGE


def test_the_dashboard_can_be_imported() -> None:
    """Panels have ids of their own and don't overlap; each query's data source is the one that is chosen."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize(
    "query",
    [
        "rat(x)",
        "sum by (app (x)",
        "rate(x[5m)",
        "sum(x))",
        "x{app}",
        "x{app=1}",
        "x % 2 ?",
        "sum x",
        "x{app=",
        "(",
    ],
)
def test_what_is_no_query_is_refused(query: str) -> None:
    """A mistyped function is a metric that no scrape has, or an error; so is what doesn't close."""
    try:
        assert ("rat", set()) in parsed(query).selectors
    except ValueError:
        return
