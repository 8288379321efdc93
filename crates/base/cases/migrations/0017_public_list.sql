-- The public list of cases and the figures of the home page ask by time; without these all cases were read.
CREATE INDEX cases_case_accepted ON cases_case(accepted_at);
CREATE INDEX cases_case_ended ON cases_case(ended_at, state, accepted_at);
