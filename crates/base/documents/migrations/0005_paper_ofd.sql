-- The same paper as an OFD package with the organisation's seal; papers from before have none.
CREATE TABLE documents_paper_ofd (
    paper TEXT NOT NULL PRIMARY KEY, file BYTEA NOT NULL, sha256 TEXT NOT NULL
);
CREATE INDEX documents_paper_ofd_sha256 ON documents_paper_ofd(sha256);
