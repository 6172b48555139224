-- Events that came together, 64 in a row at most. Each has the id of its row plus its position. One that is tried again, put off,
-- rejected or given to somebody else moves to a row of its own in `events`, and so do the last ones of a row.
CREATE TABLE batches (
  id INTEGER PRIMARY KEY,               -- that of the first event
  events BLOB NOT NULL                  -- its first octet is the version of the encoding
) STRICT;

-- Which events of a batch no longer count. A batch of which all are gone is removed.
CREATE TABLE gone (
  batch INTEGER PRIMARY KEY,
  events INTEGER NOT NULL               -- one bit each, the first event the lowest
) STRICT;
