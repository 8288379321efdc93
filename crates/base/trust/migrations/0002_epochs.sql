-- The log has epochs: a restore ends one and opens the next, whose first leaf holds the last head of the one before.
-- base is the number of the last fact before the epoch; leaf i of an epoch is the fact base + i + 1.
CREATE TABLE trust_epoch (
    epoch BIGINT NOT NULL PRIMARY KEY, base BIGINT NOT NULL, origin TEXT, opened_at BIGINT NOT NULL
);
INSERT INTO trust_epoch(epoch, base, opened_at) VALUES (1, 0, 0);
ALTER TABLE trust_node RENAME TO trust_node_before;
CREATE TABLE trust_node (
    epoch BIGINT NOT NULL, level BIGINT NOT NULL, idx BIGINT NOT NULL, hash BYTEA NOT NULL,
    PRIMARY KEY (epoch, level, idx)
);
INSERT INTO trust_node(epoch, level, idx, hash) SELECT 1, level, idx, hash FROM trust_node_before;
DROP TABLE trust_node_before;
ALTER TABLE trust_head RENAME TO trust_head_before;
CREATE TABLE trust_head (
    epoch BIGINT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (epoch, size)
);
INSERT INTO trust_head(epoch, size, root, note, at) SELECT 1, size, root, note, at FROM trust_head_before;
DROP TABLE trust_head_before;
