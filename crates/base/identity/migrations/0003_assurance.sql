-- On what a person's real-name level (实名等级) rests: one row a check, ended when it no longer holds.
CREATE TABLE identity_assurance (
    id TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    method TEXT NOT NULL,
    level BIGINT NOT NULL,
    reference TEXT NOT NULL,
    actor TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    until_on TEXT,
    ended_at BIGINT
);
CREATE INDEX identity_assurance_subject ON identity_assurance(subject, level);
