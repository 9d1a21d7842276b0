"""The job that Spark runs: purchases per player and type in windows of event time, as a batch or as a stream.

It imports nothing of this project, so that Spark's environment needs Spark alone: `spark_job.py '{"mode": "batch", ...}'`.

What counts, in each layer alike:

- a window is 60 s of the event's `time`, from the epoch, in UTC;
- the player is the record's key; what has none is nobody's purchase;
- only the types in `PURCHASES` count;
- of events with one `source` and `id` the first one in its partition counts, at its own time.
"""

import json
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from functools import reduce
from operator import and_
from typing import Any, Final

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

PURCHASES: Final = ("purchased_sword", "purchased_knife")
WINDOW: Final = "60 seconds"

# CloudEvents 1.0 as JSON. The same attributes are headers in the other two formats.
EVENT: Final = t.StructType(
    [t.StructField(name, t.StringType()) for name in ("id", "source", "type", "time")]
)
# Spark would also take "2026" for a time, and one without a zone for UTC; small letters it wouldn't.
RFC_3339: Final = r"(?i)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"

TABLE: Final = """
CREATE TABLE IF NOT EXISTS purchases (
    window_start INTEGER NOT NULL, player TEXT NOT NULL, type TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (window_start, player, type)
) WITHOUT ROWID
"""
UPSERT: Final = "INSERT OR REPLACE INTO purchases VALUES (?, ?, ?, ?)"


def main(order: dict[str, Any]) -> None:
    """Do what is ordered, and print what was read as one line of JSON."""
    spark = session(order)
    try:
        count = {"batch": count_batch, "stream": count_stream}[order["mode"]]
        print(json.dumps(count(spark, order)), flush=True)
    finally:
        spark.stop()


def session(order: dict[str, Any]) -> SparkSession:
    """Spark on this machine's cores; elsewhere `master` names the cluster."""
    builder = SparkSession.builder.appName("game batch layer").master(order["master"])
    for name, value in {
        "spark.jars": ",".join(order["jars"]),
        "spark.driver.memory": order["memory"],
        "spark.driver.extraJavaOptions": order["java"],
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": order["partitions"],
        # On the disk: ids are remembered for as long as events may be late, and that is more than a heap should hold.
        "spark.sql.streaming.stateStore.providerClass":
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():  # fmt: skip
        builder = builder.config(name, value)
    return builder.getOrCreate()


def source(order: dict[str, Any], **more: object) -> dict[str, object]:
    """The Kafka source's options: every partition from its beginning, with headers."""
    return {
        "kafka.bootstrap.servers": order["servers"],
        "subscribe": order["topic"],
        "startingOffsets": "earliest",
        "includeHeaders": True,
        **more,
    }


def read_events(records: DataFrame) -> DataFrame:
    """The events in Kafka's records, whichever of the three formats they are in; null is what can't be read."""
    structured = header("content-type").startswith("application/cloudevents+json")
    whole = f.from_json(f.col("value").cast("string"), EVENT)
    attributes = {
        name: f.when(structured, whole[name]).otherwise(header(f"ce_{name}")) for name in EVENT.fieldNames()
    }
    is_time = attributes["time"].rlike(RFC_3339)
    attributes["time"] = f.when(is_time, f.try_to_timestamp(f.upper(attributes["time"])))
    return records.select(
        f.col("key").cast("string").alias("player"),
        *(attribute.alias(name) for name, attribute in attributes.items()),
        "partition",
        "offset",
    )


def header(name: str) -> Column:
    """A header's text; of several with one name the last, and null where there is none."""
    named = f.filter("headers", lambda each: f.lower(each["key"]) == name)
    return f.try_element_at(named, f.lit(-1))["value"].cast("string")


def is_readable() -> Column:
    """Whether a record holds an event with all that these layers ask for."""
    return reduce(and_, (f.col(name).isNotNull() for name in EVENT.fieldNames()))


def is_purchase() -> Column:
    """Whether it is a player's purchase."""
    return is_readable() & f.col("type").isin(*PURCHASES) & f.col("player").isNotNull()


def what_is_read() -> list[Column]:
    """What is counted on the way, of all records."""
    return [
        f.count(f.lit(1)).alias("records"),
        f.count_if(~is_readable()).alias("unreadable"),
        f.count_if(is_purchase()).alias("purchases"),
    ]


def totals_of(purchases: DataFrame) -> DataFrame:
    """How many of each player's purchases of each type are in each window."""
    counted = purchases.groupBy(f.window("time", WINDOW), "player", "type").count()
    return counted.select(f.col("window.start").cast("long"), "player", "type", "count")


def count_batch(spark: SparkSession, order: dict[str, Any]) -> dict[str, int]:
    """Count the whole topic, however late an event came, and put the totals in the place of the old ones."""
    read = Observation("read")
    records = spark.read.format("kafka").options(**source(order)).load()
    purchases = read_events(records).observe(read, *what_is_read()).filter(is_purchase())
    first = f.min_by(f.struct("time", "player", "type"), f.struct("partition", "offset"))
    unique = purchases.groupBy("source", "id").agg(first.alias("first")).select("first.*")
    keep(totals_of(unique), order["results"], anew=True)
    return dict(read.get)


def count_stream(spark: SparkSession, order: dict[str, Any]) -> dict[str, int]:
    """Count what came since the checkpoint was written, up to now.

    A total is written as a whole, so a batch that a killed job had written already is written again to the same end.
    What is later than `late` is dropped, and told; its id is forgotten by then.
    """
    options = source(order, maxOffsetsPerTrigger=order["batch_records"])
    records = spark.readStream.format("kafka").options(**options).load()
    purchases = read_events(records).observe("read", *what_is_read()).filter(is_purchase())
    unique = purchases.withWatermark("time", order["late"]).dropDuplicatesWithinWatermark(["source", "id"])
    query = (
        totals_of(unique)
        .writeStream.outputMode("update")
        .trigger(availableNow=True)
        .option("checkpointLocation", order["checkpoint"])
        .foreachBatch(lambda changed, _: keep(changed, order["results"], anew=False))
        .start()
    )
    query.awaitTermination()
    return summary(query.recentProgress)


def summary(progress: list[Any]) -> dict[str, int]:
    """What the batches of a stream read, and what of it came too late."""
    read: Counter[str] = Counter()
    for each in progress:
        read.update(each.observedMetrics["read"].asDict() if "read" in each.observedMetrics else {})
        read["too_late"] += sum(state.numRowsDroppedByWatermark for state in each.stateOperators)
    return dict(read)


def keep(totals: DataFrame, results: str, *, anew: bool) -> None:
    """Write totals to the SQLite file in one transaction: over those of the same place, or in the place of all."""
    # Not by toLocalIterator: an Observation never hears that it is over. The totals are few beside the events.
    rows = totals.collect()
    with closing(sqlite3.connect(results, timeout=60)) as database, database:
        database.execute(TABLE)
        if anew:
            database.execute("DELETE FROM purchases")
        database.executemany(UPSERT, rows)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
