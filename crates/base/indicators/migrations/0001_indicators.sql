-- What the pack says an indicator is.
CREATE TABLE indicators_definition (
    id TEXT NOT NULL PRIMARY KEY,
    place BIGINT NOT NULL,
    title TEXT NOT NULL,
    title_en TEXT NOT NULL,
    unit TEXT NOT NULL,
    formula TEXT NOT NULL,
    formula_en TEXT NOT NULL,
    better TEXT NOT NULL
);

-- History: one row each time a figure changed. Organisation and matter are both '' for the whole city.
CREATE TABLE indicators_point (
    indicator TEXT NOT NULL,
    organisation TEXT NOT NULL,
    matter TEXT NOT NULL,
    at BIGINT NOT NULL,
    numerator BIGINT NOT NULL,
    denominator BIGINT NOT NULL,
    PRIMARY KEY (indicator, organisation, matter, at)
);

-- The newest count of each series; every fact up to seq is in it.
CREATE TABLE indicators_latest (
    indicator TEXT NOT NULL,
    organisation TEXT NOT NULL,
    matter TEXT NOT NULL,
    numerator BIGINT NOT NULL,
    denominator BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (indicator, organisation, matter)
);
