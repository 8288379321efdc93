-- What the papers of a matter name as its basis, as the pack says it, and what kind of matter it is (行政许可 …).
CREATE TABLE cases_basis (
    matter TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    laws TEXT NOT NULL
);
-- Papers begin with the facts that come from here on: nobody gets one today for what happened last year.
INSERT INTO kernel_cursor(consumer, seq) SELECT 'cases.paper', COALESCE(MAX(seq), 0) FROM kernel_fact;
-- How many papers a package holds; a later one calls for a new package.
ALTER TABLE cases_archive ADD COLUMN papers BIGINT NOT NULL DEFAULT 0;
