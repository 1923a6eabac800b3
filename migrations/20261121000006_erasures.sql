-- Why: who was erased stays erased, whatever is replayed, imported again or restored from a backup. The ledger names them by
-- keyed hashes only; a copy of it is kept in a file, which a restored backup of this database doesn't take back.
-- Existing rows: every brand gets a key of its own for those hashes.

-- Not the secret of the notifications: this one is in the file as well, and must outlive the database.
alter table brands
    add column ledger_key bytea not null default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    add constraint brands_ledger_key_check check (octet_length(ledger_key) = 32);

create table erasures (
    brand_id integer not null,
    erasure_id uuid not null,
    erased_at timestamptz not null,
    -- In this database nothing is left of whom it names; null while there may be.
    completed_at timestamptz,
    -- Somebody took it back: it names nobody any more.
    unerased_at timestamptz,
    -- What was deleted.
    records bigint not null default 0,
    events bigint not null default 0,
    deliveries bigint not null default 0,
    constraint erasures_pkey primary key (brand_id, erasure_id),
    constraint erasures_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

create index erasures_open_idx on erasures (brand_id, erasure_id) where completed_at is null and unerased_at is null;

-- Keys of records and events, and addresses, each as a keyed hash.
create table erased (
    brand_id integer not null,
    hash bytea not null,
    erasure_id uuid not null,
    constraint erased_pkey primary key (brand_id, hash, erasure_id),
    constraint erased_erasure_fkey foreign key (brand_id, erasure_id) references erasures (brand_id, erasure_id) on delete cascade,
    constraint erased_hash_check check (octet_length(hash) = 32)
);

create index erased_erasure_idx on erased (brand_id, erasure_id, hash);
