-- Why: people search by a given name and the first half of a double family name (Anna Jong for Anna de Jong-Bakker).
-- Existing rows: they are indexed. Writers wait until that is done.

create index identifiers_given_first_idx on identifiers (
    brand_id, (split_part(name_key, E'\x1f', 1) || ' ' || split_part(name_key, E'\x1f', 2))
) where name_key <> '';
