-- Types of certificate, from the city pack.
CREATE TABLE documents_type (
    id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, title_en TEXT NOT NULL, body TEXT NOT NULL, template TEXT NOT NULL
);
-- Certificates. What is printed on one may be personal: sealed, as is the file.
CREATE TABLE documents_certificate (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    title_en TEXT NOT NULL,
    identifier TEXT,
    token TEXT NOT NULL,
    case_id TEXT NOT NULL,
    number TEXT NOT NULL,
    holder TEXT NOT NULL,
    issuer TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    state TEXT NOT NULL,
    fields BYTEA NOT NULL,
    issued_on TEXT NOT NULL,
    valid_from TEXT,
    valid_until TEXT,
    pdf BYTEA,
    pdf_sha256 TEXT,
    sm2 BYTEA,
    reason TEXT,
    created_at BIGINT NOT NULL,
    issued_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX documents_certificate_token ON documents_certificate(token);
CREATE UNIQUE INDEX documents_certificate_identifier ON documents_certificate(identifier);
CREATE INDEX documents_certificate_case ON documents_certificate(case_id);
CREATE INDEX documents_certificate_holder ON documents_certificate(holder, created_at);
CREATE INDEX documents_certificate_org ON documents_certificate(org_path, created_at);
