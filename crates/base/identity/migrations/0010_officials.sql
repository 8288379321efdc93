-- What is known of an official beside the account: where the record comes from, whether the person is in office. An account
-- without such a row came from the pack and is in office until its account is retired.
CREATE TABLE identity_official (
    account TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    -- Blind index of the citizen number, when one was given: one person has one record.
    number_index TEXT NOT NULL,
    joined_on TEXT NOT NULL,
    left_on TEXT,
    reason TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX identity_official_external ON identity_official(source, external_id);
CREATE INDEX identity_official_number ON identity_official(number_index);
CREATE INDEX identity_official_left ON identity_official(left_on);

-- One-time secrets by which a new official sets the own password; known by their hash.
CREATE TABLE identity_activation (
    digest TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX identity_activation_account ON identity_activation(account);

-- Posts that one administrator proposes for an official and another approves.
CREATE TABLE identity_proposal (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    post TEXT NOT NULL,
    from_on TEXT NOT NULL,
    until_on TEXT,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_at BIGINT,
    answer TEXT NOT NULL,
    holding TEXT,
    version BIGINT NOT NULL
);
CREATE INDEX identity_proposal_account ON identity_proposal(account, proposed_at);
CREATE INDEX identity_proposal_state ON identity_proposal(state, proposed_at);

-- Why and by whom a holding was ended.
ALTER TABLE identity_holding ADD COLUMN ended_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE identity_holding ADD COLUMN ended_by TEXT NOT NULL DEFAULT '';
ALTER TABLE identity_holding ADD COLUMN ended_at BIGINT;
CREATE INDEX identity_holding_post ON identity_holding(post);
CREATE INDEX identity_account_subject ON identity_account(subject);

-- Roles that one person may never hold at once, each pair both ways.
CREATE TABLE identity_exclusion (
    id TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, other TEXT NOT NULL
);
