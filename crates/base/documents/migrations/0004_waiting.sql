-- Why something that was ordered cannot be sealed now: key of a text.
ALTER TABLE documents_certificate ADD COLUMN waiting TEXT;
ALTER TABLE documents_paper_order ADD COLUMN waiting TEXT;
-- Whose paper it is; empty for orders from before this column, which are tried with any.
ALTER TABLE documents_paper_order ADD COLUMN organisation TEXT NOT NULL DEFAULT '';
CREATE INDEX documents_certificate_issuer ON documents_certificate(issuer, state);
