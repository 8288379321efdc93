-- The same certificate as an OFD package (GB/T 33190) with the issuer's seal (GB/T 38540); sealed like the PDF.
CREATE TABLE documents_ofd (
    certificate TEXT NOT NULL PRIMARY KEY, file BYTEA NOT NULL, sha256 TEXT NOT NULL
);
CREATE INDEX documents_ofd_sha256 ON documents_ofd(sha256);
