-- Why: identifiers_given_first_idx also finds given names alone. In a file of its own: while an index is made, a writer that
-- waits for it must not be waited for.
-- Existing rows: stay. A search by given name on an older replica reads all names of the brand.

drop index identifiers_given_name_idx;
