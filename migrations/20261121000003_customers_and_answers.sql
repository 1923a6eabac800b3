-- Why: a lookup must be one round trip for text that is ready. All of this is derived and can be rebuilt.
-- Existing rows: none.

-- One customer: named by its first record.
create table customers (
    brand_id integer not null,
    customer_key text collate "C" not null,
    -- As answers show it: the first record's id, with its source's name where another record bears the same id.
    customer_id text collate "C" not null,
    constraint customers_pkey primary key (brand_id, customer_key),
    constraint customers_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

create index customers_customer_id_idx on customers (brand_id, customer_id);

-- Every record key that stands for a customer, merged-away ones included.
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
    constraint customer_addresses_pkey primary key (brand_id, kind, address, customer_key),
    constraint customer_addresses_customer_fkey foreign key (brand_id, customer_key) references customers (brand_id, customer_key) on delete cascade
);

create index customer_addresses_customer_idx on customer_addresses (brand_id, customer_key);

-- The rendered answer: one object of the response array.
create table answers (
    brand_id integer not null,
    customer_key text collate "C" not null,
    -- Names the settings that rendered it; a lookup that meets another hash renders anew.
    settings_hash bytea not null,
    body text not null,
    constraint answers_pkey primary key (brand_id, customer_key),
    constraint answers_customer_fkey foreign key (brand_id, customer_key) references customers (brand_id, customer_key) on delete cascade,
    constraint answers_settings_hash_check check (octet_length(settings_hash) = 16)
);
