-- Systems that people sign in to through the city (依赖方). The metadata is that of RFC 7591; of secrets only digests are kept.
CREATE TABLE openid_client (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    operator TEXT NOT NULL,
    metadata TEXT NOT NULL,
    secret TEXT,
    former_secret TEXT,
    former_until BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

-- Signing keys. A key is published before it signs and for some time after another has taken over.
CREATE TABLE openid_key (
    kid TEXT NOT NULL PRIMARY KEY,
    alg TEXT NOT NULL,
    private BYTEA NOT NULL,
    public TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    signs_from BIGINT NOT NULL,
    retired_at BIGINT
);

-- A request pushed by its client (RFC 9126), until its browser comes.
CREATE TABLE openid_pushed (
    digest TEXT NOT NULL PRIMARY KEY, pushed TEXT NOT NULL, expires_at BIGINT NOT NULL
);

-- A request whose person is busy signing in or consenting; belongs to the browser that brought it.
CREATE TABLE openid_pending (
    digest TEXT NOT NULL PRIMARY KEY,
    browser TEXT NOT NULL,
    client TEXT NOT NULL,
    request TEXT NOT NULL,
    progress TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- What a person let a system know.
CREATE TABLE openid_consent (
    account TEXT NOT NULL, client TEXT NOT NULL, scopes TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (account, client)
);

-- One sign-in of a person to a system.
CREATE TABLE openid_grant (
    id TEXT NOT NULL PRIMARY KEY,
    client TEXT NOT NULL,
    account TEXT NOT NULL,
    subject TEXT NOT NULL,
    on_behalf TEXT,
    session TEXT NOT NULL,
    sub TEXT NOT NULL,
    request TEXT NOT NULL,
    scopes TEXT NOT NULL,
    shown_at BIGINT NOT NULL,
    methods TEXT NOT NULL,
    acr TEXT,
    level BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX openid_grant_session ON openid_grant(session, client);
CREATE INDEX openid_grant_account ON openid_grant(account, created_at);

-- Authorization codes, access and refresh tokens, by digest. A used one is kept until it would have expired, so that a second
-- use is recognised.
CREATE TABLE openid_token (
    digest TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    client TEXT NOT NULL,
    granted TEXT,
    scopes TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX openid_token_granted ON openid_token(granted);
CREATE INDEX openid_token_expires ON openid_token(expires_at);

-- Assertions of clients that were seen (RFC 7523), so that none is taken twice.
CREATE TABLE openid_assertion (
    client TEXT NOT NULL, jti TEXT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (client, jti)
);
