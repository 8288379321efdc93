-- The stories of each version, played before it may be published. A table of its own: rows of services_version are covered by
-- the hashes of facts already written.
CREATE TABLE services_story (id TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL);

-- One piece of work on a matter: from a version, through saving and review, to the next version. `open_for` is the matter while
-- the edition is open, so there is one at a time.
CREATE TABLE services_edition (
    id TEXT NOT NULL PRIMARY KEY,
    matter TEXT NOT NULL,
    open_for TEXT,
    base_version BIGINT NOT NULL,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    organisation TEXT NOT NULL,
    title TEXT NOT NULL,
    sheet TEXT NOT NULL,
    form TEXT NOT NULL,
    process TEXT NOT NULL,
    decision TEXT NOT NULL,
    stories TEXT NOT NULL,
    note TEXT NOT NULL,
    authors TEXT NOT NULL,
    reviewer TEXT,
    opinion TEXT,
    published_version BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    submitted_at BIGINT,
    closed_at BIGINT
);
CREATE UNIQUE INDEX services_edition_open ON services_edition(open_for);
CREATE INDEX services_edition_matter ON services_edition(matter, created_at);
CREATE INDEX services_edition_state ON services_edition(state, updated_at);

-- When and why a matter was out of force.
CREATE TABLE services_retirement (
    id TEXT NOT NULL PRIMARY KEY, matter TEXT NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL, at BIGINT NOT NULL,
    ended_by TEXT, ended_at BIGINT
);
CREATE INDEX services_retirement_matter ON services_retirement(matter, at);

-- Reports of imported lists, row by row.
CREATE TABLE services_import (
    id TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL, actor TEXT NOT NULL, file TEXT NOT NULL, total BIGINT NOT NULL,
    good BIGINT NOT NULL, bad BIGINT NOT NULL, report TEXT NOT NULL, at BIGINT NOT NULL
);
CREATE INDEX services_import_account ON services_import(account, at);
