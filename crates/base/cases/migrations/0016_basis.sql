-- What the papers name as their basis is read from the matter's definition, as pinned by the case.
DROP TABLE cases_basis;
