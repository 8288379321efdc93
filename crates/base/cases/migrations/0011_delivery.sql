-- How the result of a case comes to the applicant; words about people are sealed.
CREATE TABLE cases_delivery (
    case_id TEXT NOT NULL PRIMARY KEY,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    way TEXT NOT NULL,
    window_id TEXT,
    -- Name, telephone and address for the post.
    address TEXT,
    pickup_code TEXT,
    state TEXT NOT NULL,
    carrier TEXT,
    consignment TEXT,
    signed_by TEXT,
    reason TEXT,
    actor TEXT,
    chosen_at BIGINT NOT NULL,
    prepared_at BIGINT,
    sent_at BIGINT,
    closed_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX cases_delivery_state ON cases_delivery(state, way, chosen_at);
