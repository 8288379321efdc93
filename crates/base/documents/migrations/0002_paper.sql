-- Official papers (文书). Their kinds, from the city pack: the numbering rule stands in the body.
CREATE TABLE documents_paper_kind (
    id TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    template TEXT NOT NULL
);
-- A paper that has its number and its content and is about to be printed; gone once it is issued.
CREATE TABLE documents_paper_order (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    series TEXT NOT NULL,
    number TEXT NOT NULL,
    body BYTEA NOT NULL,
    ordered_at BIGINT NOT NULL
);
CREATE INDEX documents_paper_order_case ON documents_paper_order(case_id);
-- Issued papers. A row is written once and kept; only `superseded_by` is filled in later. Content and file are sealed.
CREATE TABLE documents_paper (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    number TEXT NOT NULL,
    token TEXT NOT NULL,
    case_id TEXT NOT NULL,
    series TEXT NOT NULL,
    recipient TEXT NOT NULL,
    organisation TEXT NOT NULL,
    dated TEXT NOT NULL,
    cause TEXT NOT NULL,
    supersedes TEXT,
    superseded_by TEXT,
    body BYTEA NOT NULL,
    pdf BYTEA NOT NULL,
    pdf_sha256 TEXT NOT NULL,
    sm2 BYTEA NOT NULL,
    issued_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX documents_paper_number ON documents_paper(organisation, number);
CREATE UNIQUE INDEX documents_paper_token ON documents_paper(token);
CREATE INDEX documents_paper_case ON documents_paper(case_id, issued_at);
CREATE INDEX documents_paper_hash ON documents_paper(pdf_sha256);
CREATE UNIQUE INDEX documents_paper_supersedes ON documents_paper(supersedes);
