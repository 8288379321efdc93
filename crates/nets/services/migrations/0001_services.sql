-- One row a matter: what is in force, and whether a finished case has proven that it can be done online.
CREATE TABLE services_matter (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    code TEXT NOT NULL,
    title TEXT NOT NULL,
    title_en TEXT NOT NULL,
    organisation TEXT NOT NULL,
    online TEXT NOT NULL,
    proven_case TEXT,
    proven_at BIGINT,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
-- Every version that was ever published; running cases go on with theirs.
CREATE TABLE services_version (
    id TEXT NOT NULL PRIMARY KEY, matter TEXT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL, form TEXT NOT NULL, process TEXT NOT NULL,
    decision TEXT NOT NULL, created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX services_version_of ON services_version(matter, version);
