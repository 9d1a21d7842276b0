-- A journal file as version 0.1 wrote it. Never change it: it is what users have on disk.
PRAGMA application_id = 1718314289;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE dead (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, topic TEXT NOT NULL,
        key BLOB, value BLOB NOT NULL, headers BLOB NOT NULL, size INTEGER NOT NULL,
        reason TEXT NOT NULL, explanation TEXT NOT NULL
    );
INSERT INTO "dead" VALUES(3,'0193-3','sold','t',X'616E61',X'76',X'9192A563655F6964C40131',10,'MSG_SIZE_TOO_LARGE','Too large.');
CREATE TABLE record (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, topic TEXT NOT NULL,
        key BLOB, value BLOB NOT NULL, headers BLOB NOT NULL, size INTEGER NOT NULL
    );
INSERT INTO "record" VALUES(1,'0193-1','sold','t',X'616E61',X'76',X'9192A563655F6964C40131',10);
INSERT INTO "record" VALUES(2,'0193-2','sold','t',X'616E61',X'76',X'9192A563655F6964C40131',10);
CREATE INDEX record_by_topic ON record (topic, seq);
COMMIT;
