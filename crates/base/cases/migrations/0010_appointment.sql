-- Windows that can be visited, from the pack.
CREATE TABLE cases_window (
    id TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    organisation TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    body TEXT NOT NULL
);

-- One visit that somebody has booked.
CREATE TABLE cases_appointment (
    id TEXT NOT NULL PRIMARY KEY,
    window_id TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    matter TEXT NOT NULL,
    subject TEXT NOT NULL,
    day TEXT NOT NULL,
    slot TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE INDEX cases_appointment_slot ON cases_appointment(window_id, day, slot, state);
CREATE INDEX cases_appointment_subject ON cases_appointment(subject, day);
CREATE INDEX cases_appointment_day ON cases_appointment(day, slot);
