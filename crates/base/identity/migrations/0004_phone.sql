-- Phone numbers (手机号) that their owners have confirmed: one number belongs to one person at a time. The number itself lies
-- sealed with the person.
CREATE TABLE identity_phone (
    subject TEXT NOT NULL PRIMARY KEY,
    number_index TEXT NOT NULL,
    version BIGINT NOT NULL,
    confirmed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_phone_number ON identity_phone(number_index);

-- Codes sent by SMS; known by the hash of the token that the browser holds. Number and code lie sealed together. `account` is
-- there when a signed-in person confirms a number, and not when somebody signs in: then the number says who it is.
CREATE TABLE identity_phone_code (
    token TEXT NOT NULL PRIMARY KEY,
    account TEXT,
    number_index TEXT NOT NULL,
    parcel BYTEA NOT NULL,
    tries BIGINT NOT NULL,
    label TEXT NOT NULL,
    device TEXT NOT NULL,
    next TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX identity_phone_code_number ON identity_phone_code(number_index, created_at);

-- Failures against names that no account has: they lock as accounts do, so that a lock does not tell which names exist.
CREATE TABLE identity_attempt (
    name TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    locked_until BIGINT,
    at BIGINT NOT NULL
);

-- A sign-in at one browser that waits for its owner's phone (扫码登录). The browser holds a token, the picture shows the id.
CREATE TABLE identity_scan (
    id TEXT NOT NULL PRIMARY KEY,
    token TEXT NOT NULL,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    label TEXT NOT NULL,
    device TEXT NOT NULL,
    network TEXT NOT NULL,
    next TEXT NOT NULL,
    account TEXT,
    methods TEXT,
    shown_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_scan_token ON identity_scan(token);

-- How the first step of a waiting sign-in was done (RFC 8176).
ALTER TABLE identity_challenge ADD COLUMN first TEXT NOT NULL DEFAULT 'pwd';
