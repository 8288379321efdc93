-- Who is away from when to when, and who stands in. Both are actor ids; the reason is sealed.
CREATE TABLE cases_absence (
    id TEXT NOT NULL PRIMARY KEY,
    away TEXT NOT NULL,
    stand_in TEXT NOT NULL,
    org_path TEXT NOT NULL,
    area_code TEXT NOT NULL,
    from_on TEXT NOT NULL,
    until_on TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX cases_absence_stand_in ON cases_absence(stand_in, from_on);
CREATE INDEX cases_absence_away ON cases_absence(away, from_on);
