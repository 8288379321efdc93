-- Electronic seals (电子印章). The name of a personal seal is sealed; that of an organisation is public.
CREATE TABLE seals_seal (
    id TEXT NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    person BYTEA,
    purpose TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    basis TEXT NOT NULL,
    processes TEXT NOT NULL,
    key_name TEXT NOT NULL,
    picture_sha256 TEXT,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    applicant TEXT NOT NULL,
    applicant_subject TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    decided_by TEXT,
    opinion TEXT,
    decided_at BIGINT,
    made_at BIGINT,
    active_at BIGINT,
    ended_at BIGINT,
    custodian TEXT,
    version BIGINT NOT NULL
);
CREATE INDEX seals_seal_organisation ON seals_seal(organisation, state);
CREATE INDEX seals_seal_path ON seals_seal(org_path, applied_at);
CREATE INDEX seals_seal_state ON seals_seal(state, applied_at);
-- What was done to a seal, by whom, in whose words.
CREATE TABLE seals_event (
    id TEXT NOT NULL PRIMARY KEY,
    seal TEXT NOT NULL,
    what TEXT NOT NULL,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX seals_event_seal ON seals_event(seal, at);
-- Handing over the custody (保管): offered by one side, accepted by the other.
CREATE TABLE seals_handover (
    id TEXT NOT NULL PRIMARY KEY,
    seal TEXT NOT NULL,
    giver TEXT NOT NULL,
    taker TEXT NOT NULL,
    state TEXT NOT NULL,
    offered_at BIGINT NOT NULL,
    answered_at BIGINT
);
CREATE INDEX seals_handover_seal ON seals_handover(seal, offered_at);
CREATE INDEX seals_handover_taker ON seals_handover(taker, state);
-- Rights to use a seal (用印授权): of a person, a post, or the automatic processes.
CREATE TABLE seals_grant (
    id TEXT NOT NULL PRIMARY KEY,
    seal TEXT NOT NULL,
    grantee_kind TEXT NOT NULL,
    grantee TEXT NOT NULL,
    kinds TEXT NOT NULL,
    per_day BIGINT,
    total BIGINT,
    valid_from TEXT,
    valid_until TEXT,
    given_by TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    revoked_by TEXT,
    revoked_at BIGINT,
    used BIGINT NOT NULL,
    day TEXT NOT NULL,
    day_used BIGINT NOT NULL
);
CREATE INDEX seals_grant_seal ON seals_grant(seal, given_at);
-- Every use, and every try that was refused. Title and purpose may name somebody: sealed.
CREATE TABLE seals_use (
    id TEXT NOT NULL PRIMARY KEY,
    seal TEXT,
    organisation TEXT NOT NULL,
    grant_id TEXT,
    actor TEXT NOT NULL,
    occasion TEXT NOT NULL,
    number TEXT NOT NULL,
    words BYTEA NOT NULL,
    for_whom TEXT,
    sha256 TEXT NOT NULL,
    sm3 TEXT NOT NULL,
    result TEXT NOT NULL,
    why TEXT,
    at BIGINT NOT NULL
);
CREATE INDEX seals_use_seal ON seals_use(seal, at);
CREATE INDEX seals_use_organisation ON seals_use(organisation, at);
CREATE INDEX seals_use_sha256 ON seals_use(sha256);
-- Uses that were reserved and have not ended.
CREATE TABLE seals_reservation (
    id TEXT NOT NULL PRIMARY KEY, grant_id TEXT NOT NULL, day TEXT NOT NULL, body BYTEA NOT NULL, at BIGINT NOT NULL
);
CREATE INDEX seals_reservation_at ON seals_reservation(at);
-- Files that somebody has sealed by hand; the files go after a day.
CREATE TABLE seals_batch (
    id TEXT NOT NULL PRIMARY KEY,
    seal TEXT NOT NULL,
    actor TEXT NOT NULL,
    place TEXT NOT NULL,
    purpose BYTEA NOT NULL,
    state TEXT NOT NULL,
    files BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX seals_batch_actor ON seals_batch(actor, created_at);
CREATE INDEX seals_batch_created ON seals_batch(created_at);
CREATE TABLE seals_file (
    batch TEXT NOT NULL,
    position BIGINT NOT NULL,
    name BYTEA NOT NULL,
    input BYTEA,
    output BYTEA,
    result TEXT NOT NULL,
    why TEXT,
    PRIMARY KEY (batch, position)
);
