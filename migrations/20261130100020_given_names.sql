-- Why: somebody who calls says the given name first, and people search by it.
-- Existing rows: they are indexed. That takes some seconds for each million identifiers; writers wait for it.

create index identifiers_given_name_idx on identifiers (brand_id, split_part(name_key, E'\x1f', 1)) where name_key <> '';
