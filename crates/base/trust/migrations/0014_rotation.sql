-- A rotation seals every declared column anew under one version of the data key; `running` until all parts have been gone
-- through, `settling` until nobody can hold the older key for the newest any more.
CREATE TABLE trust_rotation (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE TABLE trust_rotation_part (
    rotation TEXT NOT NULL,
    part TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    resealed BIGINT NOT NULL,
    -- JSON list: the key of the last row that was looked at.
    reached TEXT,
    last_error TEXT,
    finished_at BIGINT,
    PRIMARY KEY (rotation, part)
);
