-- Why: people search customers by name, and the page of a customer shows the open questions about it and what people did.
-- Existing rows: they are indexed. That takes some seconds for each million identifiers; writers wait for it.

-- The family name, then the given name, as names are compared. A name of one word counts as a given name.
create index identifiers_name_idx on identifiers (brand_id, (split_part(name_key, E'\x1f', 2) || ' ' || split_part(name_key, E'\x1f', 1)))
    where name_key <> '';

-- Of all customers concerned; match_reviews_first_idx has the first one only.
create index match_reviews_customers_idx on match_reviews using gin (customer_keys);

-- Every view of a customer is an entry.
create index audit_log_subjects_idx on audit_log using gin (subjects);
create index audit_log_subject_idx on audit_log (brand_id, subject) where subject is not null;
