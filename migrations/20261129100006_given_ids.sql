-- Why: Omnidesk keeps the id of a customer that an answer gave it. So an id that was given out is a fact: its customer keeps it.
-- Existing rows: none. Ids that were given out before are not known; each is stored when it is given out again.

-- The ids that answers gave out, each with the record whose id it is.
create table given_ids (
    brand_id integer not null,
    record_key text collate "C" not null,
    -- As answers show it: the id of the record, sometimes with the name of its source.
    customer_id text collate "C" not null,
    -- When an answer gave it out for the first time.
    given_at timestamptz not null,
    constraint given_ids_pkey primary key (brand_id, record_key),
    constraint given_ids_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

create index given_ids_customer_id_idx on given_ids (brand_id, customer_id);

alter table given_ids alter column customer_id set (n_distinct = -1);
