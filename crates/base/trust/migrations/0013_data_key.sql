-- Keys under the master key. Purpose `column` seals columns, `index` makes blind indexes, `mac` authenticates tokens. Version 0
-- of `column` is the master key itself, under which columns were sealed before there were data keys. The material of a
-- retired key is overwritten.
CREATE TABLE trust_data_key (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE UNIQUE INDEX trust_data_key_version ON trust_data_key(purpose, version);
