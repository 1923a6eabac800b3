-- Why: a webhook is acknowledged once it is stored here. From then on nothing loses it, and nothing applies it twice.
-- Existing rows: none, this is the first schema.

-- Webhooks as they came in. Ids are in order of time. The first three tables have no foreign key to brands: its check would lock
-- the row of the brand for every webhook.
create table deliveries (
    brand_id integer not null,
    delivery_id uuid not null,
    source text collate "C" not null,
    -- The event in the vendor's words, for lists.
    event text collate "C" not null,
    -- The headers that the parser needs.
    headers json not null,
    body bytea not null,
    received_at timestamptz not null,
    -- 0: before all others. 1: in order. 2: when nothing else waits.
    priority smallint not null,
    -- pending; done; dead, until somebody repairs and replays it; discarded, by a person.
    state text collate "C" not null default 'pending',
    -- Not before this time. While a worker has it: the end of the lease.
    due_at timestamptz not null,
    -- The worker that has it. A worker with another token than this may not write.
    claim_token uuid,
    attempts integer not null default 0,
    -- The result, or what is wrong. Never the content.
    note text not null default '',
    finished_at timestamptz,
    constraint deliveries_pkey primary key (brand_id, delivery_id),
    constraint deliveries_event_check check (event ~ '^[a-z0-9._-]{1,64}$'),
    constraint deliveries_priority_check check (priority between 0 and 2),
    constraint deliveries_state_check check (state in ('pending', 'done', 'dead', 'discarded')),
    constraint deliveries_finished_check check ((state = 'pending') = (finished_at is null)),
    constraint deliveries_claim_token_check check (claim_token is null or state = 'pending')
);

-- Bodies are stored beside the rows, so that a claim and a finish do not write the body again.
alter table deliveries set (toast_tuple_target = 128, fillfactor = 70);
alter table deliveries alter column body set storage external;

create index deliveries_pending_idx on deliveries (brand_id, priority, delivery_id) where state = 'pending';
create index deliveries_dead_idx on deliveries (brand_id, delivery_id) where state = 'dead';
create index deliveries_source_idx on deliveries (brand_id, source, delivery_id);

-- The ids of deliveries, as keyed hashes. They are kept longer than the deliveries.
create table delivery_dedup (
    brand_id integer not null,
    key bytea not null,
    received_at timestamptz not null,
    -- A keyed hash of the content that came with the id.
    content bytea,
    constraint delivery_dedup_pkey primary key (brand_id, key)
);

-- Rows come in order of time, so a coarse index is as good, and costs almost nothing.
create index delivery_dedup_received_idx on delivery_dedup using brin (received_at);

-- For sources without delivery ids: the last contents about each subject. All of it keyed hashes.
create table delivery_latest_content (
    brand_id integer not null,
    subject bytea not null,
    content bytea not null,
    received_at timestamptz not null,
    -- The contents before the last one, so that a recorded webhook does not set old values again.
    earlier bytea[] not null default '{}',
    constraint delivery_latest_content_pkey primary key (brand_id, subject)
);

create index delivery_latest_content_received_idx on delivery_latest_content using brin (received_at);

-- Accepted and unverified webhooks of each source, and since when none was accepted.
create table webhook_stats (
    brand_id integer not null,
    source text collate "C" not null,
    accepted_at timestamptz,
    accepted bigint not null default 0,
    unverified_at timestamptz,
    unverified bigint not null default 0,
    -- Unverified since the last accepted one, and the time of the first of them.
    unverified_in_a_row bigint not null default 0,
    unverified_since timestamptz,
    -- Dropped as duplicates; how many of these had the same id but other content.
    duplicates bigint not null default 0,
    conflicting_duplicates bigint not null default 0,
    conflicting_at timestamptz,
    constraint webhook_stats_pkey primary key (brand_id, source),
    constraint webhook_stats_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

-- How often a field of a source could not be read. Fields have this program's names; no content is here.
create table invalid_values (
    brand_id integer not null,
    source text collate "C" not null,
    field text collate "C" not null,
    count bigint not null,
    last_at timestamptz not null,
    constraint invalid_values_pkey primary key (brand_id, source, field),
    constraint invalid_values_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);
