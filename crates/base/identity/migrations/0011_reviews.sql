-- Reviews of access (权限复核): a campaign over the posts that are held in an organisation, and one row for each of them.
CREATE TABLE identity_review (
    id TEXT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    organisation TEXT NOT NULL,
    due_on TEXT NOT NULL,
    -- Account of the one reviewer; empty when the heads of the organisations review.
    reviewer TEXT NOT NULL,
    suspends BIGINT NOT NULL,
    state TEXT NOT NULL,
    started_by TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    closed_by TEXT NOT NULL,
    closed_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX identity_review_state ON identity_review(state, due_on);
CREATE TABLE identity_review_item (
    id TEXT NOT NULL PRIMARY KEY,
    review TEXT NOT NULL,
    holding TEXT NOT NULL,
    account TEXT NOT NULL,
    post TEXT NOT NULL,
    path TEXT NOT NULL,
    -- Account; empty when nobody was found.
    reviewer TEXT NOT NULL,
    answer TEXT NOT NULL,
    reason TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    answered_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX identity_review_item_review ON identity_review_item(review, path, id);
CREATE INDEX identity_review_item_reviewer ON identity_review_item(reviewer, answer);

-- Holdings that rest: they grant nothing until the row is gone.
CREATE TABLE identity_pause (
    holding TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL
);
