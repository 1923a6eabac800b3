-- Why: a brand is the wall between customers; every other table hangs on it. Keys open one brand's lookups.
-- Existing rows: none, this is the first migration.

create table brands (
    brand_id integer generated always as identity,
    slug text collate "C" not null,
    -- Keys the hashes that travel in notifications, so that they say nothing to a listener.
    secret bytea not null,
    created_at timestamptz not null default now(),
    constraint brands_pkey primary key (brand_id),
    constraint brands_slug_key unique (slug),
    constraint brands_slug_check check (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint brands_secret_check check (octet_length(secret) = 16)
);

create table keys (
    brand_id integer not null,
    key_id uuid not null,
    label text not null,
    -- SHA-256 of the key: it has 256 random bits, so a slow hash would add nothing.
    hash bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    constraint keys_pkey primary key (brand_id, key_id),
    constraint keys_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint keys_hash_key unique (hash),
    constraint keys_hash_check check (octet_length(hash) = 32),
    constraint keys_label_check check (length(label) between 1 and 100)
);
