-- Why: a webhook is acknowledged once it stands here, and from then on nothing can lose it or make it count twice.
-- Existing rows: none.

-- What came in. The oldest first: ids are made in order of time. These three tables don't refer to brands: checking that
-- would lock the brand's row for every receipt.
create table deliveries (
    brand_id integer not null,
    delivery_id uuid not null,
    source text collate "C" not null,
    -- What it is about in the vendor's words, for lists.
    event text collate "C" not null,
    -- Those that reading it needs.
    headers json not null,
    body bytea not null,
    received_at timestamptz not null,
    -- 0 before all others, 1 in order, 2 when nothing else waits.
    urgency smallint not null,
    -- What becomes of it: pending; done; dead, until somebody mends and replays it; discarded, by somebody.
    state text collate "C" not null default 'pending',
    -- Not before this time; while a worker has it, the end of its lease.
    due_at timestamptz not null,
    -- The worker that has it: who comes back with another claim than the row's may not write.
    claim uuid,
    attempts integer not null default 0,
    -- What came of it, or what is wrong with it; never what it holds.
    remark text not null default '',
    finished_at timestamptz,
    constraint deliveries_pkey primary key (brand_id, delivery_id),
    constraint deliveries_event_check check (event ~ '^[a-z0-9._-]{1,64}$'),
    constraint deliveries_urgency_check check (urgency between 0 and 2),
    constraint deliveries_state_check check (state in ('pending', 'done', 'dead', 'discarded')),
    constraint deliveries_finished_check check ((state = 'pending') = (finished_at is null)),
    constraint deliveries_claim_check check (claim is null or state = 'pending')
);

-- Bodies are kept beside the rows, so that claiming and finishing one doesn't write it again.
alter table deliveries set (toast_tuple_target = 128, fillfactor = 70);
alter table deliveries alter column body set storage external;

create index deliveries_pending_idx on deliveries (brand_id, urgency, delivery_id) where state = 'pending';
create index deliveries_dead_idx on deliveries (brand_id, delivery_id) where state = 'dead';
create index deliveries_source_idx on deliveries (brand_id, source, delivery_id);

-- The ids of deliveries, as keyed hashes; kept for longer than the deliveries.
create table delivery_keys (
    brand_id integer not null,
    key bytea not null,
    received_at timestamptz not null,
    constraint delivery_keys_pkey primary key (brand_id, key)
);

-- Rows come in order of time, so that a rough index is as good, and costs next to nothing.
create index delivery_keys_received_idx on delivery_keys using brin (received_at);

-- For sources that give deliveries no id: what last came about a thing. Both are keyed hashes.
create table delivery_subjects (
    brand_id integer not null,
    subject bytea not null,
    content bytea not null,
    received_at timestamptz not null,
    constraint delivery_subjects_pkey primary key (brand_id, subject)
);

create index delivery_subjects_received_idx on delivery_subjects using brin (received_at);

-- What was let in and turned away at each source's door, and since when nothing was let in any more.
create table doors (
    brand_id integer not null,
    source text collate "C" not null,
    accepted_at timestamptz,
    accepted bigint not null default 0,
    refused_at timestamptz,
    refused bigint not null default 0,
    -- Refused since anything was last let in, and the first of them.
    refused_in_a_row bigint not null default 0,
    refused_since timestamptz,
    constraint doors_pkey primary key (brand_id, source),
    constraint doors_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);
