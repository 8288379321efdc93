-- An entry is taken out of the index by its name; without this the whole index was read for each.
CREATE INDEX kernel_search_token_entry ON kernel_search_token(source, id);
