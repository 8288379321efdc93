-- Who else a work item was given to, in whose name, which signature it adds, how often it was urged.
ALTER TABLE cases_work ADD COLUMN assignee TEXT;
ALTER TABLE cases_work ADD COLUMN on_behalf TEXT;
ALTER TABLE cases_work ADD COLUMN adds BIGINT;
ALTER TABLE cases_work ADD COLUMN urged BIGINT NOT NULL DEFAULT 0;
CREATE INDEX cases_work_assignee ON cases_work(assignee, status);

-- Materials to follow or promised, who entered the case at the counter, when the applicant last urged it.
ALTER TABLE cases_case ADD COLUMN waived TEXT;
ALTER TABLE cases_case ADD COLUMN clerk TEXT;
ALTER TABLE cases_case ADD COLUMN urged_at BIGINT;
