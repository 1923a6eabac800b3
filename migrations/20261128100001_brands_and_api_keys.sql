-- Why: a brand separates its customers from all others; every other table begins with it. API keys open the lookups of one brand.
-- Existing rows: none, this is the first schema.

create table brands (
    brand_id integer generated always as identity,
    slug text collate "C" not null,
    -- The key of the hashes in notifications, so that they tell a listener nothing.
    secret bytea not null,
    created_at timestamptz not null default now(),
    -- The hash of the rules and settings that all stored customers were derived with.
    derivation_hash bytea,
    -- While customers are derived again: with which rules and settings, and after which record it continues.
    rederive_hash bytea,
    rederive_after text collate "C",
    -- The key of the suppression hashes. It is in the suppression file too, and must outlive this database; so it is not `secret`.
    suppression_key bytea not null default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    constraint brands_pkey primary key (brand_id),
    constraint brands_slug_key unique (slug),
    constraint brands_slug_check check (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint brands_secret_check check (octet_length(secret) = 16),
    constraint brands_suppression_key_check check (octet_length(suppression_key) = 32)
);

create table api_keys (
    brand_id integer not null,
    key_id uuid not null,
    label text not null,
    -- SHA-256 of the key. The key has 256 random bits, so a slow hash would add nothing.
    hash bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    constraint api_keys_pkey primary key (brand_id, key_id),
    constraint api_keys_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint api_keys_hash_key unique (hash),
    constraint api_keys_hash_check check (octet_length(hash) = 32),
    constraint api_keys_label_check check (length(label) between 1 and 100)
);
