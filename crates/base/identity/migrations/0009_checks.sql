-- Checks of a person (人脸核验 银行核验) that an adapter makes: asked for here, answered by its signed receipt.
CREATE TABLE identity_check (
    id TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    answered_at BIGINT
);
CREATE INDEX identity_check_subject ON identity_check(subject, created_at);
