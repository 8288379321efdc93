-- Private keys, sealed under the master key; the public half and certificates in clear.
CREATE TABLE trust_key (
    alias TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    public TEXT NOT NULL,
    certificate BYTEA,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
-- Complete subtrees of the Merkle log: level 0 are the leaves, idx from the left.
CREATE TABLE trust_node (
    level BIGINT NOT NULL, idx BIGINT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (level, idx)
);
-- Signed tree heads, one for each size that somebody asked for.
CREATE TABLE trust_head (size BIGINT NOT NULL PRIMARY KEY, root TEXT NOT NULL, note TEXT NOT NULL, at BIGINT NOT NULL);
