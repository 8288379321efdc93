-- Keys that sign digests which their callers made. A row of its own, so that the rows of older keys stay as they were hashed.
CREATE TABLE cipher_digest (
    key TEXT NOT NULL PRIMARY KEY, allowed_at BIGINT NOT NULL
);
