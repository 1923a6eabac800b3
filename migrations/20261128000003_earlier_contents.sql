-- Why: a webhook that somebody recorded must not set old values again where its body bears no time and no id: of each thing the last
-- contents are known, and not only the last one.
-- Existing rows: nothing is known of what came before.
alter table delivery_subjects add column earlier bytea[] not null default '{}';
