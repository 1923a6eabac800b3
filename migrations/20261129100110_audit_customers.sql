-- Why: an entry of the audit log named a customer by the first of the hashes of its records. An entry that had only some of
-- the records named the same customer otherwise. Now an entry has one hash for each customer, always that of its first record.
-- Existing rows: they have none, and are shown as before: no hash says which customer it belongs to.

alter table audit_log add column customers bytea[] not null default '{}';
