-- Archive packages: one row for every build, the newest version counts, earlier ones stay. The content is sealed in parts.
CREATE TABLE cases_archive (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    sha256 TEXT,
    size BIGINT NOT NULL,
    files BIGINT NOT NULL,
    certificates BIGINT NOT NULL,
    retain_until TEXT NOT NULL,
    built_at BIGINT NOT NULL,
    UNIQUE (case_id, version)
);
CREATE INDEX cases_archive_built ON cases_archive(built_at);
CREATE TABLE cases_archive_part (
    archive_id TEXT NOT NULL,
    part BIGINT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (archive_id, part)
);
