-- The second tree over the same leaves, hashed with SM3. Apart from the first one, so that a database from before it can
-- be filled up in the background by appending alone.
CREATE TABLE trust_node_sm3 (
    epoch BIGINT NOT NULL, level BIGINT NOT NULL, idx BIGINT NOT NULL, hash BYTEA NOT NULL,
    PRIMARY KEY (epoch, level, idx)
);
CREATE TABLE trust_head_sm3 (
    epoch BIGINT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (epoch, size)
);
ALTER TABLE trust_epoch ADD COLUMN origin_sm3 TEXT;
-- Other logs whose heads are witnessed here, and the newest head seen of each.
CREATE TABLE trust_witness (
    origin TEXT NOT NULL PRIMARY KEY, keys TEXT NOT NULL, added_at BIGINT NOT NULL,
    size BIGINT NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL, seen_at BIGINT
);
