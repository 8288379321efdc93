-- Passkeys (通行密钥): public keys that an owner's devices sign with. The name is sealed. `count` is the authenticator's counter
-- as last seen; one that did not rise marks the passkey as suspect.
CREATE TABLE identity_passkey (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    credential TEXT NOT NULL,
    public_key TEXT NOT NULL,
    count BIGINT NOT NULL,
    backup_eligible BIGINT NOT NULL,
    backed_up BIGINT NOT NULL,
    transports TEXT NOT NULL,
    aaguid TEXT NOT NULL,
    name BYTEA NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    used_with TEXT NOT NULL,
    suspected_at BIGINT,
    removed_at BIGINT
);
CREATE UNIQUE INDEX identity_passkey_credential ON identity_passkey(credential);
CREATE INDEX identity_passkey_account ON identity_passkey(account);

-- A challenge that waits for its answer, known by its hash, and the hash of what binds it to one browser.
CREATE TABLE identity_ceremony (
    challenge TEXT NOT NULL PRIMARY KEY,
    browser TEXT NOT NULL,
    purpose TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX identity_ceremony_expires ON identity_ceremony(expires_at);
