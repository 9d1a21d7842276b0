"""The tables of the results, in SQL that SQLite and PostgreSQL share."""

from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, text

# Times are text as RFC 3339 has it, in UTC: they sort as they are, and anybody can read them.
TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS progress (
        topic TEXT NOT NULL, part INTEGER NOT NULL, next_offset BIGINT NOT NULL,
        counted BIGINT NOT NULL, duplicate BIGINT NOT NULL, late BIGINT NOT NULL, unnamed BIGINT NOT NULL,
        other BIGINT NOT NULL, malformed BIGINT NOT NULL, PRIMARY KEY (topic, part))""",
    """CREATE TABLE IF NOT EXISTS partition_totals (
        topic TEXT NOT NULL, part INTEGER NOT NULL, window_start TEXT NOT NULL, window_end TEXT NOT NULL,
        player TEXT NOT NULL, type TEXT NOT NULL, purchases BIGINT NOT NULL,
        PRIMARY KEY (topic, part, window_start, player, type))""",
    "CREATE INDEX IF NOT EXISTS totals_by_window ON partition_totals (window_start)",
    """CREATE TABLE IF NOT EXISTS alerts (
        player TEXT NOT NULL, window_start TEXT NOT NULL, window_end TEXT NOT NULL, swords INTEGER NOT NULL,
        id TEXT NOT NULL, cause_id TEXT NOT NULL, cause_trace TEXT NOT NULL, topic TEXT NOT NULL, part INTEGER NOT NULL,
        announced TEXT, PRIMARY KEY (player, window_start))""",
    """CREATE TABLE IF NOT EXISTS late (
        topic TEXT NOT NULL, part INTEGER NOT NULL, record_offset BIGINT NOT NULL, id TEXT NOT NULL,
        type TEXT NOT NULL, player TEXT NOT NULL, event_time TEXT NOT NULL, late_by_ms BIGINT NOT NULL,
        PRIMARY KEY (topic, part, record_offset))""",
    """CREATE TABLE IF NOT EXISTS malformed (
        topic TEXT NOT NULL, part INTEGER NOT NULL, record_offset BIGINT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (topic, part, record_offset))""",
)
VIEW: Final = """totals AS SELECT window_start, window_end, player, type, SUM(purchases) AS purchases
    FROM partition_totals GROUP BY window_start, window_end, player, type"""

#: Takes the row's lock, for a process that lost the partition may still be writing, and tells how far we are.
TAKE_PROGRESS: Final = text("""INSERT INTO progress VALUES (:topic, :part, 0, 0, 0, 0, 0, 0, 0)
    ON CONFLICT (topic, part) DO UPDATE SET next_offset = progress.next_offset RETURNING next_offset""")
ADVANCE: Final = text("""UPDATE progress SET next_offset = :next_offset, counted = counted + :counted,
    duplicate = duplicate + :duplicate, late = late + :late, unnamed = unnamed + :unnamed, other = other + :other,
    malformed = malformed + :malformed WHERE topic = :topic AND part = :part""")
PUT_TOTAL: Final = text("""INSERT INTO partition_totals
    VALUES (:topic, :part, :window_start, :window_end, :player, :type, :purchases)
    ON CONFLICT (topic, part, window_start, player, type) DO UPDATE SET purchases = excluded.purchases""")
PUT_LATE: Final = text(
    "INSERT INTO late VALUES (:topic, :part, :record_offset, :id, :type, :player, :event_time, :late_by_ms)"
)
PUT_MALFORMED: Final = text("INSERT INTO malformed VALUES (:topic, :part, :record_offset, :reason)")
PUT_ALERT: Final = text("""INSERT INTO alerts VALUES (:player, :window_start, :window_end, :swords,
    :id, :cause_id, :cause_trace, :topic, :part, NULL) ON CONFLICT (player, window_start) DO NOTHING""")
UNANNOUNCED: Final = text("""SELECT player, window_start, window_end, swords, id, cause_id, cause_trace FROM alerts
    WHERE announced IS NULL AND topic = :topic AND part = :part ORDER BY window_start, player""")
SET_ANNOUNCED: Final = text("UPDATE alerts SET announced = :announced WHERE id = :id")


def open_database(url: str) -> Engine:
    """Connect, and make the tables that are missing."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    with engine.begin() as connection:
        _make_tables(connection)
    return engine


def _make_tables(connection: Connection) -> None:
    for table in TABLES:
        connection.execute(text(table))
    is_sqlite = connection.dialect.name == "sqlite"
    connection.execute(text(f"CREATE {'VIEW IF NOT EXISTS' if is_sqlite else 'OR REPLACE VIEW'} {VIEW}"))


def _prepare_sqlite(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # Readers don't wait for us; what Kafka was told is written must survive a power loss too; members take turns.
    for setting in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 30000"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
