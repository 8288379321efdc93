-- Phones and browsers that may show the code of a person or a firm (亮码设备). Only a key that the city keeps itself is stored.
CREATE TABLE onecode_device (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    subject TEXT NOT NULL,
    on_behalf TEXT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    certificate BYTEA NOT NULL,
    private BYTEA,
    not_after BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX onecode_device_account ON onecode_device(account, kind);
CREATE INDEX onecode_device_revoked ON onecode_device(revoked_at, not_after);

-- Every reading of a code, for its holder: also those that were refused, and those that a reader made without a network.
CREATE TABLE onecode_scan (
    id TEXT NOT NULL PRIMARY KEY,
    device TEXT NOT NULL,
    holder TEXT NOT NULL,
    person TEXT NOT NULL,
    scene TEXT NOT NULL,
    reader TEXT NOT NULL,
    place TEXT NOT NULL,
    result TEXT NOT NULL,
    elements TEXT NOT NULL,
    offline BIGINT NOT NULL,
    at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX onecode_scan_holder ON onecode_scan(holder, at);
CREATE INDEX onecode_scan_person ON onecode_scan(person, at);

-- Codes that were read, until they would have expired, so that none is taken twice.
CREATE TABLE onecode_seen (
    digest TEXT NOT NULL PRIMARY KEY, reader TEXT NOT NULL, expires_at BIGINT NOT NULL
);
CREATE INDEX onecode_seen_expires ON onecode_seen(expires_at);

-- Scenes in which a holder does not want to be read.
CREATE TABLE onecode_block (
    holder TEXT NOT NULL, scene TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (holder, scene)
);
