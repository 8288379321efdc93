-- Natural and legal persons. Names, codes and phones are grade L3: sealed, with a keyed blind index for joins.
CREATE TABLE identity_subject (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name BYTEA NOT NULL,
    code BYTEA NOT NULL,
    code_index TEXT NOT NULL,
    phone BYTEA,
    area_code TEXT NOT NULL,
    synthetic BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE UNIQUE INDEX identity_subject_code ON identity_subject(code_index);

CREATE TABLE identity_agency (
    firm TEXT NOT NULL, person TEXT NOT NULL, role TEXT NOT NULL, from_on TEXT NOT NULL, until_on TEXT,
    PRIMARY KEY (firm, person)
);

CREATE TABLE identity_organisation (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    short TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT,
    path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    credit_code TEXT,
    version BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE identity_post (
    id TEXT NOT NULL PRIMARY KEY, organisation TEXT NOT NULL, title TEXT NOT NULL, title_en TEXT NOT NULL,
    roles TEXT NOT NULL, retired_at BIGINT
);
CREATE TABLE identity_holding (
    id TEXT NOT NULL PRIMARY KEY, post TEXT NOT NULL, account TEXT NOT NULL, from_on TEXT NOT NULL, until_on TEXT
);
CREATE INDEX identity_holding_account ON identity_holding(account);
CREATE TABLE identity_role (
    id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, title_en TEXT NOT NULL, permissions TEXT NOT NULL
);

CREATE TABLE identity_account (
    id TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    password TEXT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE UNIQUE INDEX identity_account_login ON identity_account(login);

-- A session is known by the hash of its token. Its family ends as one: sign out everywhere, or a reused old token.
CREATE TABLE identity_session (
    token TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    family TEXT NOT NULL,
    kind TEXT NOT NULL,
    acting_for TEXT,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX identity_session_account ON identity_session(account);

-- Who read whose personal data, one row a request and subject.
CREATE TABLE identity_access (
    id TEXT NOT NULL PRIMARY KEY, actor TEXT NOT NULL, subject TEXT NOT NULL, fields TEXT NOT NULL,
    purpose TEXT NOT NULL, request TEXT NOT NULL, at BIGINT NOT NULL
);
CREATE INDEX identity_access_subject ON identity_access(subject, at);

-- Administrative divisions (行政区划), from province to village, with the years a code held.
CREATE TABLE identity_division (
    code TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, level TEXT NOT NULL, parent TEXT,
    statistical_only BIGINT NOT NULL, from_on TEXT NOT NULL, until_on TEXT, source TEXT NOT NULL
);
CREATE INDEX identity_division_parent ON identity_division(parent, code);
