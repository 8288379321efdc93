-- Stock phrases of an official, or of an office when shared; the words are sealed.
CREATE TABLE cases_phrase (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    shared BIGINT NOT NULL,
    position BIGINT NOT NULL,
    words TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX cases_phrase_owner ON cases_phrase(owner, position);
CREATE INDEX cases_phrase_shared ON cases_phrase(shared, org_path, position);
