-- Why: whatever a person does with somebody's data, or with who may ask, is written down: exports, erasures, deliveries that are
-- revealed, replayed or discarded, keys that are made or revoked; not only what is done at a source.
-- Existing rows: what was done at a source has one subject, and stays as it is.
alter table actions
    alter column source drop not null,
    alter column subject drop not null,
    -- Whom or what it was about besides, as keyed hashes.
    add column subjects bytea[] not null default '{}',
    -- What it was done to, by an id of ours: a key, a delivery, an erasure; or how many.
    add column target text collate "C" not null default '';

create index actions_begun_idx on actions (brand_id, begun_at);
