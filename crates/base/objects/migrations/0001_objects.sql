-- What lies in the object store. `new` while the row that names it is not committed; `kept`; `dropped` when that row is gone.
CREATE TABLE objects_blob (
    key TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    dropped_at BIGINT
);
CREATE INDEX objects_blob_state ON objects_blob(state, key);
