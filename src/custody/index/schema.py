"""The tables of one day's file.

Law: a file of another ``VERSION`` is not read and not changed; it is discarded and built again.
Both text tables are contentless and only ever added to: a day goes as a whole file.
"""

from typing import Final

VERSION: Final = 3

TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Who and where: far fewer than events, so that an event carries one small number.
CREATE TABLE place (
    id INTEGER PRIMARY KEY,
    loop TEXT NOT NULL,
    session TEXT NOT NULL,
    target TEXT NOT NULL,
    identity TEXT NOT NULL,
    issuer TEXT NOT NULL,
    UNIQUE (session, loop, target, identity, issuer)
);
CREATE INDEX place_loop ON place (loop);

CREATE TABLE event (
    position INTEGER PRIMARY KEY, -- the index in the log
    place INTEGER NOT NULL,
    time INTEGER NOT NULL,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    effects TEXT NOT NULL,
    objects TEXT NOT NULL,
    action TEXT NOT NULL,
    text TEXT NOT NULL,
    arguments TEXT NOT NULL,
    verdict TEXT NOT NULL,
    rule TEXT NOT NULL,
    outcome TEXT NOT NULL,
    rows INTEGER,
    detail TEXT NOT NULL,
    cut INTEGER NOT NULL, -- whether more was there than was captured
    committed TEXT NOT NULL
);
CREATE INDEX event_place ON event (place);
-- What an investigator asks for first is rare: everything but the ordinary.
CREATE INDEX event_verdict ON event (verdict) WHERE verdict NOT IN ('', 'allow');
CREATE INDEX event_outcome ON event (outcome) WHERE outcome NOT IN ('', 'ok');
CREATE INDEX event_kind ON event (kind) WHERE kind <> 'command';
CREATE INDEX event_committed ON event (committed) WHERE committed NOT IN ('', 'yes');
CREATE INDEX event_cut ON event (position) WHERE cut = 1;

-- The searchable text of what came back: all that was captured.
CREATE TABLE result (position INTEGER PRIMARY KEY, text TEXT NOT NULL);

-- rowid = 2 * position for the event itself, + 1 for its result.
CREATE VIRTUAL TABLE words USING fts5(
    text, content = '', detail = none, columnsize = 0, tokenize = "ascii tokenchars '_'"
);
CREATE VIRTUAL TABLE grams USING fts5(
    text, content = '', detail = none, columnsize = 0, tokenize = "trigram case_sensitive 1"
);
"""
