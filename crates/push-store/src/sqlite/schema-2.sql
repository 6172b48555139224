-- Segments of pushes that have not arrived whole.
CREATE TABLE segments (
  id INTEGER PRIMARY KEY,
  octets BLOB NOT NULL                  -- its first octet is the version of the encoding
) STRICT;
