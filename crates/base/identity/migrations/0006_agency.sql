-- Who may act for whom (授权): legal representatives, managers, agents and guardians, with scope and term. An invitation is bound
-- to the blind index of a citizen number until its person accepts it; the name as it was typed is sealed.
CREATE TABLE identity_power (
    id TEXT NOT NULL PRIMARY KEY,
    principal TEXT NOT NULL,
    holder TEXT NOT NULL,
    invitee TEXT NOT NULL,
    name BYTEA,
    role TEXT NOT NULL,
    verbs TEXT NOT NULL,
    matters TEXT NOT NULL,
    state TEXT NOT NULL,
    basis TEXT NOT NULL,
    document BYTEA,
    reason TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    from_on TEXT NOT NULL,
    until_on TEXT,
    answer_by BIGINT,
    warned_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX identity_power_principal ON identity_power(principal, created_at);
CREATE INDEX identity_power_holder ON identity_power(holder, state);
CREATE INDEX identity_power_invitee ON identity_power(invitee, state);

INSERT INTO identity_power(id, principal, holder, invitee, role, verbs, matters, state, basis, reason, granted_by, from_on, until_on,
    version, created_at)
SELECT firm || '/' || person, firm, person, '', CASE WHEN role = '法定代表人' THEN 'representative' WHEN role = '管理员' THEN 'manager'
    ELSE 'agent' END, '', '', 'active', 'migrated', '', 'migration', from_on, until_on, 1, 0 FROM identity_agency;
DROP TABLE identity_agency;
