-- Why: a sender whose ids are broken, and values that could not be read, must not go unnoticed.
-- Existing rows: keep their counts; of deliveries that were received before, the content is not known, so that a later one with
-- the same id counts as the same.

-- A keyed hash of what was received under the id.
alter table delivery_keys add column content bytea;

-- Dropped because the same was received before; and how many of those were the same by their id only.
alter table doors
    add column duplicates bigint not null default 0,
    add column conflicting_duplicates bigint not null default 0,
    add column conflicting_at timestamptz;

-- How often a field of a source's webhooks and answers could not be read. Fields have our names; nothing of their content is here.
create table unread_values (
    brand_id integer not null,
    source text collate "C" not null,
    field text collate "C" not null,
    count bigint not null,
    last_at timestamptz not null,
    constraint unread_values_pkey primary key (brand_id, source, field),
    constraint unread_values_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);
