-- Keys that other systems of the city use through the API (密码服务). What a key is stands here; its material in the versions.
CREATE TABLE cipher_key (
    id TEXT NOT NULL PRIMARY KEY,
    alias TEXT NOT NULL UNIQUE,
    organisation TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    title TEXT NOT NULL,
    purpose TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL,
    newest BIGINT NOT NULL,
    least BIGINT NOT NULL,
    rotate_days BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    bound BIGINT NOT NULL,
    destroy_at BIGINT,
    owner TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX cipher_key_due ON cipher_key(state, destroy_at);

-- Versions. `sealed` is empty once the key was destroyed; `used` counts what was encrypted under it.
CREATE TABLE cipher_key_version (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    number BIGINT NOT NULL,
    sealed BYTEA,
    public TEXT NOT NULL,
    used BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    wiped_at BIGINT
);
CREATE UNIQUE INDEX cipher_key_version_number ON cipher_key_version(key, number);

-- Who may do what with a key, and how often. `holder` is client:<id>, or `office` for officials with the permission.
CREATE TABLE cipher_grant (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    holder TEXT NOT NULL,
    operations TEXT NOT NULL,
    per_minute BIGINT NOT NULL,
    per_day BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX cipher_grant_holder ON cipher_grant(key, holder);
CREATE INDEX cipher_grant_of ON cipher_grant(holder);

-- How often a grant was used in a minute or day.
CREATE TABLE cipher_count (
    granted TEXT NOT NULL, slot TEXT NOT NULL, n BIGINT NOT NULL, ends_at BIGINT NOT NULL, PRIMARY KEY (granted, slot)
);
CREATE INDEX cipher_count_ends ON cipher_count(ends_at);

-- One row for each request, refused ones too. Never what was encrypted or signed: of signatures the digests.
CREATE TABLE cipher_use (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    alias TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    version BIGINT NOT NULL,
    operation TEXT NOT NULL,
    items BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    size BIGINT NOT NULL,
    digest TEXT NOT NULL,
    result TEXT NOT NULL,
    request TEXT NOT NULL
);
CREATE INDEX cipher_use_at ON cipher_use(at, id);
CREATE INDEX cipher_use_alias ON cipher_use(alias, at);
CREATE INDEX cipher_use_key ON cipher_use(key, at);

-- Count and digest of the rows of each hour; the fact about it brings them into the proof log.
CREATE TABLE cipher_seal (
    hour TEXT NOT NULL PRIMARY KEY, begins_at BIGINT NOT NULL, uses BIGINT NOT NULL, digest TEXT NOT NULL, kept BIGINT NOT NULL
);
