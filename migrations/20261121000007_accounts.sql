-- Why: sources are asked, not only listened to. What all replicas must agree on stands here: how often an account may be called
-- still, how far each stream has been walked, what is to be asked next, and whom was asked about when.
-- Existing rows: none.

-- An account of a brand at a source: its budget and how it is doing.
create table accounts (
    brand_id integer not null,
    source text collate "C" not null,
    -- The source said: no calls before this.
    blocked_until timestamptz,
    -- The source said: so many calls more until then, those granted since counted.
    allowance integer,
    allowance_since timestamptz,
    allowance_until timestamptz,
    -- When calls were last wanted and not granted, so that the others leave them some.
    live_wanted_at timestamptz,
    other_wanted_at timestamptz,
    succeeded_at timestamptz,
    failed_at timestamptz,
    -- What went wrong last; never what was sent or came back.
    failure text not null default '',
    failures_in_a_row integer not null default 0,
    -- Not called before this, because it fails.
    open_until timestamptz,
    constraint accounts_pkey primary key (brand_id, source),
    constraint accounts_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

-- Calls granted lately: those of the last minute or so are the budget, those of the last hour are shown.
create table calls (
    brand_id integer not null,
    source text collate "C" not null,
    -- Of many, when the step of time ended in which they were: so there are few rows.
    granted_at timestamptz not null,
    -- 0 live, 1 follow-up, 2 reconcile, 3 backfill.
    class smallint not null,
    number integer not null,
    constraint calls_pkey primary key (brand_id, source, granted_at, class),
    constraint calls_class_check check (class between 0 and 3),
    constraint calls_number_check check (number >= 0)
);

-- Something that an account has much of, and how far it has been walked.
create table streams (
    brand_id integer not null,
    source text collate "C" not null,
    stream text collate "C" not null,
    -- The pass under way, or the last one.
    pass_id uuid not null,
    is_reconcile boolean not null,
    -- Of what changed from then on; null for a pass through everything.
    since timestamptz,
    -- The next question; null at the end of the list. Never about an address.
    cursor jsonb,
    started_at timestamptz not null,
    -- What was walked, what of it was news here, and how many there are, where the source says so.
    walked bigint not null default 0,
    news bigint not null default 0,
    total bigint,
    -- Things that were gone at the source, and were still known here.
    gone bigint not null default 0,
    round integer not null default 0,
    -- Who walks, until when unless it says again.
    runner uuid,
    lease_until timestamptz,
    is_cancelled boolean not null default false,
    finished_at timestamptz,
    -- Of the last pass through everything that came to its end: when it began, what of all that it walked was not as it should be,
    -- and what should be known of it.
    complete_at timestamptz,
    drift real,
    finding text not null default '',
    -- When the last pass of either sort began that came to its end: of what changed before nothing is left to be asked.
    caught_up_at timestamptz,
    remark text not null default '',
    constraint streams_pkey primary key (brand_id, source, stream),
    constraint streams_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

-- What a pass has met: keyed hashes of records and events.
create table sightings (
    brand_id integer not null,
    source text collate "C" not null,
    stream text collate "C" not null,
    pass_id uuid not null,
    key bytea not null,
    constraint sightings_pkey primary key (brand_id, source, stream, pass_id, key)
);

-- What webhooks hinted at, to be asked; written in the transaction that finishes them.
create table follow_ups (
    brand_id integer not null,
    follow_up_id uuid not null,
    source text collate "C" not null,
    -- The question; never about an address.
    ask jsonb not null,
    -- What the webhook was about, as the ledger of erasures names it.
    subjects bytea[] not null,
    due_at timestamptz not null,
    -- While somebody asks, the end of the lease.
    claim uuid,
    attempts integer not null default 0,
    -- It can't be asked: somebody must look.
    is_dead boolean not null default false,
    remark text not null default '',
    constraint follow_ups_pkey primary key (brand_id, follow_up_id)
);

-- What is hinted at often is asked once; who is being asked may not know yet.
create unique index follow_ups_ask_idx on follow_ups (brand_id, source, md5(ask::text)) where claim is null and not is_dead;
create index follow_ups_due_idx on follow_ups (brand_id, source, due_at) where not is_dead;

-- Whom a source was asked about for a lookup, as keyed hashes of the question.
create table looks (
    brand_id integer not null,
    source text collate "C" not null,
    question bytea not null,
    looked_at timestamptz not null,
    is_known boolean not null,
    constraint looks_pkey primary key (brand_id, question, source)
);

create index looks_looked_idx on looks using brin (looked_at);

-- Names of rooms and the like, by their id at the source.
create table places (
    brand_id integer not null,
    source text collate "C" not null,
    place_id text collate "C" not null,
    name text not null,
    heard_at timestamptz not null,
    constraint places_pkey primary key (brand_id, source, place_id)
);

-- What people had this service do at a source.
create table actions (
    brand_id integer not null,
    action_id uuid not null,
    source text collate "C" not null,
    action text collate "C" not null,
    -- What it was done to, as a keyed hash.
    subject bytea not null,
    done_by text not null,
    reason text not null,
    begun_at timestamptz not null,
    -- What became of it; empty while that isn't known.
    outcome text not null default '',
    constraint actions_pkey primary key (brand_id, action_id),
    constraint actions_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);
