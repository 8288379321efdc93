-- Facts: audit, outbox and Merkle leaf in one row. seq is dense; turn orders those that wait for it (PostgreSQL alone);
-- see kernel::fact.
-- postgres:
CREATE SEQUENCE kernel_fact_turn;
-- both:
CREATE TABLE kernel_fact (
    id TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    type TEXT NOT NULL,
    version BIGINT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    on_behalf TEXT,
    cause TEXT,
    request TEXT NOT NULL,
    at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    touched TEXT NOT NULL,
    salt TEXT NOT NULL,
    seq BIGINT,
    turn BIGINT
);
CREATE UNIQUE INDEX kernel_fact_seq ON kernel_fact(seq);
CREATE INDEX kernel_fact_subject ON kernel_fact(subject, at);
CREATE INDEX kernel_fact_type ON kernel_fact(type, at);

CREATE TABLE kernel_sequence (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
CREATE TABLE kernel_lock (name TEXT NOT NULL PRIMARY KEY);
-- A lease is a row with a fencing token: who holds it, until when, the how-manieth holder.
CREATE TABLE kernel_lease (
    name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, until BIGINT NOT NULL
);
CREATE TABLE kernel_cursor (consumer TEXT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL);

CREATE TABLE kernel_job (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    due_key TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    holder TEXT,
    fence BIGINT NOT NULL,
    lease_until BIGINT,
    last_error TEXT,
    done_at BIGINT
);
CREATE UNIQUE INDEX kernel_job_key ON kernel_job(kind, due_key);
CREATE INDEX kernel_job_due ON kernel_job(state, due_at);

CREATE TABLE kernel_idempotency (
    actor TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL, response TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (actor, key)
);

-- What the pack brought: one row an item, with its origin and base version.
CREATE TABLE kernel_pack_item (
    section TEXT NOT NULL, id TEXT NOT NULL, origin TEXT NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL,
    pack_version BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (section, id)
);
CREATE TABLE kernel_setting (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);

-- Search: tokens made in Rust, stored in the row's own transaction, candidates by index, one Rust scorer.
CREATE TABLE kernel_search (
    source TEXT NOT NULL, id TEXT NOT NULL, locale TEXT NOT NULL, title TEXT NOT NULL, summary TEXT NOT NULL,
    href TEXT NOT NULL, tokens TEXT NOT NULL, PRIMARY KEY (source, id, locale)
);
CREATE TABLE kernel_search_token (
    token TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, weight BIGINT NOT NULL,
    PRIMARY KEY (token, source, id)
);
