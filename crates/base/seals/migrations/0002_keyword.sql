-- The keyword at which a batch is sealed may be somebody's name: it is kept apart from the place, sealed.
ALTER TABLE seals_batch ADD COLUMN keyword BYTEA;
