-- Why: the service also calls the sources' APIs. What all replicas must agree on is here: how many calls an account has left, how
-- far each stream has been read, which requests come next, and when a source was last asked about somebody.
-- Existing rows: none, this is the first schema.

-- The account of a brand at a source: its rate limit and its health.
create table upstream_accounts (
    brand_id integer not null,
    source text collate "C" not null,
    -- The source said: no calls before this time.
    blocked_until timestamptz,
    -- The source said: this many calls more until then. Calls granted since are subtracted.
    allowance integer,
    allowance_since timestamptz,
    allowance_until timestamptz,
    -- The last time that calls were wanted and not granted, so that the other priorities leave them some.
    live_wanted_at timestamptz,
    other_wanted_at timestamptz,
    succeeded_at timestamptz,
    failed_at timestamptz,
    -- The last failure. Never what was sent or received.
    failure text not null default '',
    failures_in_a_row integer not null default 0,
    -- The circuit breaker is open until then.
    open_until timestamptz,
    constraint upstream_accounts_pkey primary key (brand_id, source),
    constraint upstream_accounts_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

-- Granted calls. Those of the last minute count against the limit; those of the last hour are shown.
create table call_grants (
    brand_id integer not null,
    source text collate "C" not null,
    -- The end of the time step in which they were granted, so that there are few rows.
    granted_at timestamptz not null,
    -- 0 live, 1 follow-up, 2 reconcile, 3 backfill.
    priority smallint not null,
    number integer not null,
    constraint call_grants_pkey primary key (brand_id, source, granted_at, priority),
    constraint call_grants_priority_check check (priority between 0 and 3),
    constraint call_grants_number_check check (number >= 0)
);

-- A stream: a list of an account, such as its contacts, and how far it has been read.
create table sync_streams (
    brand_id integer not null,
    source text collate "C" not null,
    stream text collate "C" not null,
    -- The current run, or the last one.
    run_id uuid not null,
    is_reconcile boolean not null,
    -- An incremental run reads what changed since then; null in a full run.
    since timestamptz,
    -- The next request; null at the end of the list. Never with an address in it.
    cursor jsonb,
    started_at timestamptz not null,
    -- How many were read, how many of them were new or changed here, and how many there are, if the source says so.
    scanned bigint not null default 0,
    changed bigint not null default 0,
    total bigint,
    -- How many were deleted at the source and still known here.
    deleted bigint not null default 0,
    restart_count integer not null default 0,
    -- The replica that reads, and the end of its lease.
    lease_owner uuid,
    lease_until timestamptz,
    is_cancelled boolean not null default false,
    finished_at timestamptz,
    -- Of the last complete full run: its start, the share that was wrong here, and its result in words.
    last_full_started_at timestamptz,
    drift real,
    last_full_result text not null default '',
    -- The start of the last complete run of either mode. Changes before it need no further run.
    incremental_watermark timestamptz,
    note text not null default '',
    constraint sync_streams_pkey primary key (brand_id, source, stream),
    constraint sync_streams_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

-- What a run has seen: keyed hashes of records and events.
create table sync_seen_keys (
    brand_id integer not null,
    source text collate "C" not null,
    stream text collate "C" not null,
    run_id uuid not null,
    key bytea not null,
    constraint sync_seen_keys_pkey primary key (brand_id, source, stream, run_id, key)
);

-- Requests that follow from webhooks. The transaction that finishes the webhook writes them.
create table follow_ups (
    brand_id integer not null,
    follow_up_id uuid not null,
    source text collate "C" not null,
    -- Never with an address in it.
    request jsonb not null,
    -- The subjects of the webhook, as suppression hashes.
    subjects bytea[] not null,
    due_at timestamptz not null,
    -- While a worker has it, due_at is the end of its lease.
    claim_token uuid,
    attempts integer not null default 0,
    -- It cannot be answered: somebody must look.
    is_dead boolean not null default false,
    note text not null default '',
    constraint follow_ups_pkey primary key (brand_id, follow_up_id)
);

-- Equal requests are stored once. A claimed one does not count: its answer may be too old already.
create unique index follow_ups_request_idx on follow_ups (brand_id, source, md5(request::text)) where claim_token is null and not is_dead;
create index follow_ups_due_idx on follow_ups (brand_id, source, due_at) where not is_dead;

-- When a source was last asked for a lookup, by a keyed hash of the lookup.
create table live_queries (
    brand_id integer not null,
    source text collate "C" not null,
    question bytea not null,
    queried_at timestamptz not null,
    is_known boolean not null,
    constraint live_queries_pkey primary key (brand_id, question, source)
);

create index live_queries_queried_idx on live_queries using brin (queried_at);

-- Names of rooms and other places, by their id at the source.
create table places (
    brand_id integer not null,
    source text collate "C" not null,
    place_id text collate "C" not null,
    name text not null,
    fetched_at timestamptz not null,
    constraint places_pkey primary key (brand_id, source, place_id)
);
