objects-away = The file store does not answer at the moment, so this file was not stored or fetched. Try again in a few minutes; what was saved before is safe.
