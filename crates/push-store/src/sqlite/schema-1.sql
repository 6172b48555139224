-- Times are milliseconds since 1970-01-01T00:00:00Z. Numbers of 64 bits without a sign are kept with their bits as they are.

CREATE TABLE registrations (
  id INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  application_id TEXT,
  push_application_id TEXT NOT NULL,
  event_handler TEXT,
  whitelist TEXT NOT NULL,              -- one address a line
  profiles TEXT NOT NULL,               -- one PROTOCOL/BEARER:PORT a line, * where left open
  accept TEXT,
  suppress_equal_content_millis INTEGER,
  registered INTEGER NOT NULL,
  state TEXT NOT NULL                   -- pending, active
) STRICT;

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  registration INTEGER,                 -- NULL: for nobody yet
  received INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  not_before INTEGER NOT NULL,          -- 0: at once
  dead INTEGER NOT NULL,                -- 1: rejected, or tried too often
  push BLOB NOT NULL                    -- its first octet is the version of the encoding
) STRICT;

-- Transmissions remembered, those of one commit in one row.
CREATE TABLE remembered (
  id INTEGER PRIMARY KEY,               -- the end of all records, in units of 16.384 s rounded up, times 2^32, plus a serial number
  records BLOB NOT NULL                 -- 24 octets each: 16 of fingerprint, 8 of its end, big-endian
) STRICT;

-- What must outlive the rows it was taken from.
CREATE TABLE meta (
  name TEXT PRIMARY KEY,                -- last_event, last_registration
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('last_event', 0), ('last_registration', 0);
