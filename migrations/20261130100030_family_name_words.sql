-- Why: people search by a family name without what comes before it (Vries for de Vries), or by half of a double one.
-- Existing rows: those with such a name are indexed. Writers wait until that is done.

create index identifiers_family_name_word_idx on identifiers (
    brand_id, (split_part(split_part(name_key, E'\x1f', 2), ' ', -1) || ' ' || split_part(name_key, E'\x1f', 1))
) where split_part(name_key, E'\x1f', 2) like '% %';
