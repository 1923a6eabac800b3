-- Why: a lookup is one round trip for text that is ready. All of this is derived, and can be derived again.
-- Existing rows: none, this is the first schema.

-- A customer, named by its first record.
create table customers (
    brand_id integer not null,
    customer_key text collate "C" not null,
    -- As answers show it: the id of the first record, with the name of its source where another record has the same id.
    customer_id text collate "C" not null,
    constraint customers_pkey primary key (brand_id, customer_key),
    constraint customers_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

create index customers_customer_id_idx on customers (brand_id, customer_id);

-- Every record key that stands for a customer, including records that were merged away.
create table customer_records (
    brand_id integer not null,
    record_key text collate "C" not null,
    customer_key text collate "C" not null,
    constraint customer_records_pkey primary key (brand_id, record_key),
    constraint customer_records_customer_fkey foreign key (brand_id, customer_key) references customers (brand_id, customer_key) on delete cascade
);

create index customer_records_customer_idx on customer_records (brand_id, customer_key);

create table customer_addresses (
    brand_id integer not null,
    kind text collate "C" not null,
    address text collate "C" not null,
    customer_key text collate "C" not null,
    -- Only records that anybody can write name it. It then finds the customer only where no trusted record names it.
    self_asserted boolean not null default false,
    constraint customer_addresses_pkey primary key (brand_id, kind, address, customer_key),
    constraint customer_addresses_customer_fkey foreign key (brand_id, customer_key) references customers (brand_id, customer_key) on delete cascade
);

create index customer_addresses_customer_idx on customer_addresses (brand_id, customer_key);

-- The rendered answer: one object of the response array.
create table answers (
    brand_id integer not null,
    customer_key text collate "C" not null,
    -- The hash of the settings that rendered it. A lookup with other settings renders it again.
    settings_hash bytea not null,
    body text not null,
    constraint answers_pkey primary key (brand_id, customer_key),
    constraint answers_customer_fkey foreign key (brand_id, customer_key) references customers (brand_id, customer_key) on delete cascade,
    constraint answers_settings_hash_check check (octet_length(settings_hash) = 16)
);

-- Open questions for people: evidence that the rules did not use, and the customers that it concerns.
create table match_reviews (
    brand_id integer not null,
    -- What they have in common, and how strong the evidence would be.
    level text collate "C" not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    -- What keeps them apart.
    conflict text collate "C" not null,
    -- All customers concerned, and the first of them. One, if the question is whether a self-asserted address is theirs.
    customer_keys text[] collate "C" not null,
    first_key text collate "C" not null,
    constraint match_reviews_pkey primary key (brand_id, level, kind, value),
    constraint match_reviews_customer_fkey foreign key (brand_id, first_key) references customers (brand_id, customer_key) on delete cascade,
    constraint match_reviews_customer_keys_check check (cardinality(customer_keys) >= 1)
);

create index match_reviews_first_idx on match_reviews (brand_id, first_key);

-- See the end of records_and_events: statistics that keep plans stable.
alter table customer_records alter column customer_key set (n_distinct = -0.5);
alter table customer_addresses
    alter column address set (n_distinct = -0.8),
    alter column customer_key set (n_distinct = -0.5);
