-- Why: somebody who calls says the given name first, and people search by it.
-- Existing rows: they are indexed. Writers wait until that is done.

create index identifiers_given_name_idx on identifiers (brand_id, split_part(name_key, E'\x1f', 1)) where name_key <> '';
