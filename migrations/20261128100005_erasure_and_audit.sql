-- Why: an erased person stays erased, whatever is replayed, imported again or restored from a backup. The suppression list has
-- keyed hashes only. A copy of it is in a file, which a restored backup of this database does not take back.
-- Existing rows: none, this is the first schema.

create table erasures (
    brand_id integer not null,
    erasure_id uuid not null,
    erased_at timestamptz not null,
    -- Nothing of the person is left in this database; null while something may be left.
    completed_at timestamptz,
    -- Somebody revoked it: it suppresses nobody any more.
    revoked_at timestamptz,
    -- How much was deleted.
    records bigint not null default 0,
    events bigint not null default 0,
    deliveries bigint not null default 0,
    constraint erasures_pkey primary key (brand_id, erasure_id),
    constraint erasures_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

create index erasures_open_idx on erasures (brand_id, erasure_id) where completed_at is null and revoked_at is null;

-- Keys of records and events, and addresses, each as a keyed hash.
create table suppression_hashes (
    brand_id integer not null,
    hash bytea not null,
    erasure_id uuid not null,
    constraint suppression_hashes_pkey primary key (brand_id, hash, erasure_id),
    constraint suppression_hashes_erasure_fkey foreign key (brand_id, erasure_id) references erasures (brand_id, erasure_id) on delete cascade,
    constraint suppression_hashes_hash_check check (octet_length(hash) = 32)
);

create index suppression_hashes_erasure_idx on suppression_hashes (brand_id, erasure_id, hash);

-- Actions by people: exports, erasures, revealed, replayed and discarded deliveries, API keys, actions at a source. Ids only.
create table audit_log (
    brand_id integer not null,
    action_id uuid not null,
    -- Of an action at a source: which one.
    source text collate "C",
    action text collate "C" not null,
    -- Of an action at a source: its object, as a keyed hash.
    subject bytea,
    done_by text not null,
    reason text not null,
    begun_at timestamptz not null,
    -- Empty while the outcome is unknown.
    outcome text not null default '',
    -- The persons and records that it concerned, as keyed hashes.
    subjects bytea[] not null default '{}',
    -- The object by an id of this program: an API key, a delivery, an erasure; or a number of them.
    target text collate "C" not null default '',
    constraint audit_log_pkey primary key (brand_id, action_id),
    constraint audit_log_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

create index audit_log_begun_idx on audit_log (brand_id, begun_at);
