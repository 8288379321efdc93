-- Second factors (第二因素). The secret is sealed; `used` is the last time step that was taken, so that no code passes twice.
CREATE TABLE identity_factor (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    secret BYTEA NOT NULL,
    used BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    removed_at BIGINT
);
CREATE INDEX identity_factor_account ON identity_factor(account);

-- Codes on paper for whoever has lost the device; only their hashes are kept.
CREATE TABLE identity_recovery (
    account TEXT NOT NULL, digest TEXT NOT NULL, used_at BIGINT, PRIMARY KEY (account, digest)
);

-- A sign-in between its password and its second factor; known by the hash of its token.
CREATE TABLE identity_challenge (
    token TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    purpose TEXT NOT NULL,
    factor TEXT,
    label TEXT NOT NULL,
    device TEXT NOT NULL,
    next TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Browsers that an account was used with. The network is a keyed hash.
CREATE TABLE identity_device (
    account TEXT NOT NULL, device TEXT NOT NULL, label TEXT NOT NULL, network TEXT NOT NULL,
    first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, PRIMARY KEY (account, device)
);

-- How and when the person behind a session showed who they are (RFC 8176 names), for others that rely on it.
ALTER TABLE identity_session ADD COLUMN methods TEXT NOT NULL DEFAULT 'pwd';
ALTER TABLE identity_session ADD COLUMN shown_at BIGINT NOT NULL DEFAULT 0;
UPDATE identity_session SET shown_at = created_at;
