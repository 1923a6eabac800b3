-- All steps see the tables as they were before the statement, so no two steps may touch the same row. The
-- caller separates rows to delete from rows to write.
with records_new as (
    insert into records (brand_id, record_key, state, live)
    select $1, new.record_key, new.state::json, new.live from unnest($2::text[], $3::text[], $55::boolean[]) as new (record_key, state, live)
    on conflict (brand_id, record_key) do update set state = excluded.state, live = excluded.live
),
identifiers_gone as (
    delete from identifiers as old using unnest($4::text[], $5::text[], $6::text[]) as gone (record_key, kind, value)
    where old.brand_id = $1 and old.record_key = gone.record_key and old.kind = gone.kind and old.value = gone.value
),
identifiers_new as (
    insert into identifiers (brand_id, record_key, kind, value, links, source_kind, name_key)
    select $1, new.* from unnest($7::text[], $8::text[], $9::text[], $10::boolean[], $11::text[], $12::text[]) as new
    on conflict (brand_id, record_key, kind, value) do update set links = excluded.links, name_key = excluded.name_key
),
shared_gone as (
    delete from shared_values as old using unnest($13::text[], $14::text[]) as gone (kind, value)
    where old.brand_id = $1 and old.kind = gone.kind and old.value = gone.value
),
shared_new as (
    insert into shared_values (brand_id, kind, value) select $1, new.* from unnest($15::text[], $16::text[]) as new
    on conflict do nothing
),
merges_new as (
    insert into source_merges (brand_id, loser_key, winner_key, merged_at)
    select $1, new.* from unnest($17::text[], $18::text[], $19::timestamptz[]) as new
    on conflict (brand_id, loser_key, winner_key) do update set merged_at = excluded.merged_at
),
events_new as (
    insert into events (brand_id, event_key, state, live, record_key, occurred_at, source, event_type, external_id)
    select $1, new.event_key, new.state::json, new.live, new.record_key, new.occurred_at, new.source, new.event_type, new.external_id
    from unnest($20::text[], $21::text[], $22::boolean[], $23::text[], $24::timestamptz[], $25::text[], $26::text[], $27::text[])
        as new (event_key, state, live, record_key, occurred_at, source, event_type, external_id)
    on conflict (brand_id, event_key) do update
    set state = excluded.state, live = excluded.live, record_key = excluded.record_key, occurred_at = excluded.occurred_at
),
event_references_gone as (
    delete from event_references as old using unnest($20::text[]) as event (event_key)
    where old.brand_id = $1 and old.event_key = event.event_key
        and not exists (
            select from unnest($28::text[], $29::text[], $30::text[]) as kept (value, namespace, event_key)
            where (kept.value, kept.namespace, kept.event_key) = (old.value, old.namespace, old.event_key)
        )
),
event_references_new as (
    insert into event_references (brand_id, value, namespace, event_key)
    select $1, new.* from unnest($28::text[], $29::text[], $30::text[]) as new
    on conflict do nothing
),
customers_gone as (
    delete from customers as old using unnest($31::text[]) as gone (customer_key)
    where old.brand_id = $1 and old.customer_key = gone.customer_key
),
customers_new as (
    insert into customers as known (brand_id, customer_key, customer_id) select $1, new.* from unnest($32::text[], $33::text[]) as new
    on conflict (brand_id, customer_key) do update set customer_id = excluded.customer_id where known.customer_id <> excluded.customer_id
),
answers_new as (
    insert into answers as known (brand_id, customer_key, body, settings_hash) select $1, new.*, $35 from unnest($32::text[], $34::text[]) as new
    on conflict (brand_id, customer_key) do update set body = excluded.body, settings_hash = excluded.settings_hash
    where (known.body, known.settings_hash) is distinct from (excluded.body, excluded.settings_hash)
),
records_gone as (
    delete from customer_records as old using unnest($36::text[]) as gone (record_key)
    where old.brand_id = $1 and old.record_key = gone.record_key
),
records_kept as (
    insert into customer_records as known (brand_id, record_key, customer_key) select $1, new.* from unnest($37::text[], $38::text[]) as new
    on conflict (brand_id, record_key) do update set customer_key = excluded.customer_key where known.customer_key <> excluded.customer_key
),
addresses_gone as (
    delete from customer_addresses as old using unnest($39::text[], $40::text[], $41::text[]) as gone (kind, address, customer_key)
    where old.brand_id = $1 and old.kind = gone.kind and old.address = gone.address and old.customer_key = gone.customer_key
),
addresses_new as (
    insert into customer_addresses (brand_id, kind, address, customer_key, self_asserted)
    select $1, new.* from unnest($42::text[], $43::text[], $44::text[], $56::boolean[]) as new
    on conflict (brand_id, kind, address, customer_key) do update set self_asserted = excluded.self_asserted
),
reviews_gone as (
    delete from match_reviews as old using unnest($45::text[], $46::text[], $47::text[]) as gone (level, kind, value)
    where old.brand_id = $1 and old.level = gone.level and old.kind = gone.kind and old.value = gone.value
        and not exists (
            select from unnest($48::text[], $49::text[], $50::text[]) as kept (level, kind, value)
            where (kept.level, kept.kind, kept.value) = (old.level, old.kind, old.value)
        )
),
reviews_new as (
    insert into match_reviews (brand_id, level, kind, value, grounds, customer_keys, first_key)
    select $1, new.level, new.kind, new.value, new.grounds, array(select json_array_elements_text(new.customers::json)),
        new.customers::json ->> 0
    from unnest($48::text[], $49::text[], $50::text[], $51::text[], $52::text[]) as new (level, kind, value, grounds, customers)
    on conflict (brand_id, level, kind, value) do update
    set grounds = excluded.grounds, customer_keys = excluded.customer_keys, first_key = excluded.first_key
)
select pg_notify($53, payload) from unnest($54::text[]) as payload
