-- One application for one matter. Form and process state hold personal values: sealed.
CREATE TABLE cases_case (
    id TEXT NOT NULL PRIMARY KEY,
    number TEXT,
    matter TEXT NOT NULL,
    matter_version BIGINT NOT NULL,
    applicant TEXT NOT NULL,
    agent TEXT,
    organisation TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    state TEXT NOT NULL,
    channel TEXT NOT NULL,
    -- Times the applicant had to come in person; a case without any was handled wholly online.
    visits BIGINT NOT NULL,
    form BYTEA NOT NULL,
    process BYTEA,
    clock TEXT,
    due_on TEXT,
    provisional BIGINT NOT NULL,
    on_time BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    submitted_at BIGINT,
    accepted_at BIGINT,
    ended_at BIGINT
);
CREATE UNIQUE INDEX cases_case_number ON cases_case(number);
CREATE INDEX cases_case_applicant ON cases_case(applicant, created_at);
CREATE INDEX cases_case_state ON cases_case(state, due_on);
CREATE INDEX cases_case_matter ON cases_case(matter, state);

-- Every organisation that takes part in a case; lists are scoped by it.
CREATE TABLE cases_organisation (case_id TEXT NOT NULL, org_path TEXT NOT NULL, PRIMARY KEY (case_id, org_path));
CREATE INDEX cases_organisation_path ON cases_organisation(org_path);

-- Work items as the queue and the case page show them; the process state is what decides.
CREATE TABLE cases_work (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    work BIGINT NOT NULL,
    node TEXT NOT NULL,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT,
    opinion TEXT,
    actor TEXT,
    post TEXT,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    due_on TEXT,
    round BIGINT NOT NULL
);
CREATE INDEX cases_work_case ON cases_work(case_id, work);
CREATE INDEX cases_work_queue ON cases_work(status, role, org_path);
CREATE INDEX cases_work_actor ON cases_work(actor, closed_at);

-- Uploaded materials; the content is sealed.
CREATE TABLE cases_material (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    material TEXT NOT NULL,
    name TEXT NOT NULL,
    media TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    content BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX cases_material_case ON cases_material(case_id, created_at);

CREATE TABLE cases_correction (
    case_id TEXT NOT NULL PRIMARY KEY, items TEXT NOT NULL, answer_by TEXT NOT NULL, asked_at BIGINT NOT NULL,
    answered_at BIGINT
);

CREATE TABLE cases_rating (
    case_id TEXT NOT NULL PRIMARY KEY, grade BIGINT NOT NULL, comment TEXT NOT NULL, at BIGINT NOT NULL
);
CREATE TABLE cases_followup (
    case_id TEXT NOT NULL PRIMARY KEY, org_path TEXT NOT NULL, area_code TEXT NOT NULL, state TEXT NOT NULL,
    due_on TEXT NOT NULL, outcome TEXT, actor TEXT, opened_at BIGINT NOT NULL, closed_at BIGINT
);
CREATE INDEX cases_followup_state ON cases_followup(state, due_on);
