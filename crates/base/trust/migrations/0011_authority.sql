-- The certificate authority (数字证书认证): every certificate it issued. `serial` in hex, lower case.
CREATE TABLE trust_certificate (
    serial TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    issuer TEXT NOT NULL,
    profile TEXT NOT NULL,
    cn TEXT NOT NULL,
    o TEXT NOT NULL,
    holder TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    der BYTEA NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    reason BIGINT,
    revoked_at BIGINT,
    request TEXT,
    replaces TEXT,
    version BIGINT NOT NULL,
    issued_at BIGINT NOT NULL
);
CREATE INDEX trust_certificate_issued ON trust_certificate(issued_at, serial);
CREATE INDEX trust_certificate_key ON trust_certificate(key_hash);

-- What somebody who holds a key asks to be certified (PKCS #10), and what became of it.
CREATE TABLE trust_request (
    id TEXT NOT NULL PRIMARY KEY,
    profile TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    cn TEXT NOT NULL,
    o TEXT NOT NULL,
    names TEXT NOT NULL,
    reason TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    der BYTEA NOT NULL,
    state TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    decided_by TEXT,
    opinion TEXT,
    serial TEXT,
    replaces TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    decided_at BIGINT
);
CREATE INDEX trust_request_state ON trust_request(state, created_at);

-- The current revocation list of each authority (`issuing-p256` …); numbers grow. `stale` asks for a new one.
CREATE TABLE trust_crl (
    authority TEXT NOT NULL PRIMARY KEY, number BIGINT NOT NULL, der BYTEA NOT NULL, this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL, stale BIGINT NOT NULL
);

-- Time-stamps given out (RFC 3161); a serial number is never used twice.
CREATE TABLE trust_stamp (
    serial TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL, at BIGINT NOT NULL
);
