-- What organisations and posts were called and where they stood, from a day on. One without rows is as the pack brought it.
CREATE TABLE identity_version (
    id TEXT NOT NULL PRIMARY KEY,
    -- `organisation` or `post`
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    from_on TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    -- Organisation above; a post's own organisation.
    parent TEXT,
    retired BIGINT NOT NULL,
    change TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX identity_version_subject ON identity_version(kind, subject, from_on);
