-- What a form field, a library column and an exchange field mean.
CREATE TABLE data_element (
    id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, name_en TEXT NOT NULL, kind TEXT NOT NULL, grade TEXT NOT NULL,
    standard TEXT, codes TEXT NOT NULL, position BIGINT NOT NULL, retired_at BIGINT
);

-- A file that feeds a base library. `position` follows the authorities' order in the pack; the smaller one wins a tie.
CREATE TABLE data_source (
    id TEXT NOT NULL PRIMARY KEY,
    library TEXT NOT NULL,
    name TEXT NOT NULL,
    name_en TEXT NOT NULL,
    authority TEXT NOT NULL,
    position BIGINT NOT NULL,
    definition TEXT NOT NULL,
    location TEXT NOT NULL,
    last_run TEXT,
    retired_at BIGINT
);

-- One collection, written when it has ended. `hash` is keyed: a plain hash of few rows could be guessed back.
CREATE TABLE data_run (
    id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    hash TEXT NOT NULL,
    rows_read BIGINT NOT NULL,
    rows_accepted BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    rows_warned BIGINT NOT NULL,
    as_of_from TEXT,
    as_of_to TEXT,
    begun_at BIGINT NOT NULL,
    finished_at BIGINT NOT NULL
);
CREATE INDEX data_run_source ON data_run(source, finished_at);

-- What a rule found. `masked` is the masked value, and sealed all the same.
CREATE TABLE data_issue (
    run TEXT NOT NULL, number BIGINT NOT NULL, line BIGINT NOT NULL, column_name TEXT NOT NULL, rule TEXT NOT NULL,
    severity TEXT NOT NULL, reason TEXT NOT NULL, other_line BIGINT, masked BYTEA,
    PRIMARY KEY (run, number)
);

-- What the city holds of persons and firms: sealed, whatever the element's grade, with a keyed blind index.
CREATE TABLE data_value (
    subject TEXT NOT NULL, element TEXT NOT NULL, source TEXT NOT NULL, value BYTEA NOT NULL, value_index TEXT NOT NULL,
    as_of TEXT NOT NULL, line BIGINT NOT NULL, run TEXT NOT NULL,
    PRIMARY KEY (subject, element, source)
);
CREATE INDEX data_value_found ON data_value(element, value_index);
