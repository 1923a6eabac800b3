-- Each step must find its rows by index, even if Postgres planned it while the tables were small. So the statement tests
-- for a row with "limit 1", and reads the rows of a key in a subquery that "offset 0" keeps apart. Postgres could plan
-- "exists", or a plain join, as a scan of all rows of the brand for each key.
--
-- $1 brand
-- ComponentQuery: $2 records, $3 $4 $5 values (kind, text, follow even if shared), $6 changing records,
-- $7 records of merges, $8 events, $9 hashes for the suppression list, $10 records and $11 events that change
-- as well, but are read by another statement
-- LoadLimits: $12 whether to follow connections, $13 the most records to follow, $14 unique kinds, $15 other
-- kinds, both without self-asserted ones, $16 a value with so many holders is shared, $17 events for each
-- record, $18 hidden event types, $19 all kinds, $20 the most names of a value, $21 $22 for hashes of ids in the
-- suppression list (SuppressionKey::given_id_blocks)
--
-- For the table of what a recursion has found, Postgres fills memory with zeros before each statement, for as many rows
-- as it expects. From an array it expects ten, and from a recursion thousands: so recursions begin with arrays, and what
-- they found is read through an array.
with recursive asked (kind, value, forced) as materialized (
    select * from unnest($3::text[], $4::text[], $5::boolean[])
),
chain (record_key) as (
    select unnest($7::text[]) collate "C"
    union
    select next.record_key from chain
    cross join lateral (
        select winner_key from source_merges where brand_id = $1 and loser_key = chain.record_key
        union all
        select loser_key from source_merges where brand_id = $1 and winner_key = chain.record_key
    ) as next (record_key)
),
changing (record_key) as materialized (
    select unnest($6::text[]) collate "C" union select unnest(array(select record_key from chain)) collate "C"
),
-- These do not count among the holders of a value.
uncounted (record_key) as materialized (
    select record_key from changing union select unnest($10::text[]) collate "C"
),
-- Two kinds of nodes, records and values, so that each value is expanded once, however many holders it has. A
-- record is also the value of the references to it.
component (kind, value) as (
    select 'record' collate "C", unnest(array(
        select unnest($2::text[])
        union all
        select record_key from changing
        union all
        select record_key from events where brand_id = $1 and event_key = any($8) and record_key is not null
    )) collate "C"
    union
    select kind, value from asked
    where forced or (
        select true from shared_values as shared
        where shared.brand_id = $1 and shared.kind = asked.kind and shared.value = asked.value
        limit 1
    ) is null
    union
    select next.kind, next.value from component
    cross join lateral (
        select own.kind, own.value from identifiers as own
        where component.kind = 'record' and own.brand_id = $1 and own.record_key = component.value and own.links
            and (
                select true from shared_values as shared
                where shared.brand_id = $1 and shared.kind = own.kind and shared.value = own.value
                limit 1
            ) is null
        union all
        select 'record', holder.record_key from identifiers as holder
        where component.kind <> 'record' and holder.brand_id = $1 and holder.kind = component.kind and holder.value = component.value
            and holder.links
        union all
        {component_links}
    ) as next (kind, value)
    where $12
),
followed (record_key) as materialized (
    select value from component where kind = 'record' limit $13
),
-- Too many records are the same as none: a component must be loaded whole.
keys (record_key) as materialized (
    select record_key from followed where (select count(*) from followed) < $13
),
decidable (kind, value) as materialized (
    select kind, value from asked where kind <> 'reference'
    union
    select own.kind, own.value from changing
    cross join lateral (
        select kind, value from identifiers where brand_id = $1 and record_key = changing.record_key and kind <> 'reference' offset 0
    ) as own
),
-- If connections are followed, the caller counts the holders of the values in the component: they are loaded. The
-- holders of other values are counted here, because they may be too many to load. The first condition also ensures that
-- a component with too many records is not read to its end.
counted (kind, value) as materialized (
    select kind, value from decidable
    where (select count(*) from followed) < $13
        and (kind, value) not in (
            select * from unnest(
                array(select kind from component where $12 and kind <> 'record'),
                array(select value from component where $12 and kind <> 'record')
            )
        )
),
stored (customer_key) as materialized (
    select distinct owner.customer_key from keys
    cross join lateral (
        select customer_key from customer_records where brand_id = $1 and record_key = keys.record_key offset 0
    ) as owner
)
-- The tables have grown since Postgres last collected statistics.
-- Each row is an object with one member: the kind of the row, and its columns.
select '"stats_stale"' from pg_class
where oid = any(array['records', 'identifiers', 'events', 'customers']::regclass[]) and pg_relation_size(oid) > 32768::bigint * greatest(relpages, 4)
union all
select '"truncated"' from (select count(*) as followed from followed) as counted_once where followed >= $13
union all
select json_build_object('erased', encode(asked.hash, 'hex'))::text
from unnest($9::bytea[]) as asked (hash)
cross join lateral (select true from suppression_hashes where suppression_hashes.brand_id = $1 and suppression_hashes.hash = asked.hash limit 1) as found
union all
select json_build_object('key', record_key)::text from keys
union all
select json_build_object('changing', record_key)::text from changing
union all
select json_build_object('record', json_build_array(keys.record_key, record.state))::text
from keys
cross join lateral (select state from records where brand_id = $1 and record_key = keys.record_key offset 0) as record
union all
select json_build_object('identifier', json_build_array(keys.record_key, own.kind, own.value, own.links, own.name_key))::text
from keys
cross join lateral (
    select kind, value, links, name_key from identifiers where brand_id = $1 and record_key = keys.record_key offset 0
) as own
union all
select json_build_object('merge', json_build_array(merge.loser_key, merge.winner_key, merge.merged_at))::text
from keys
cross join lateral (
    select loser_key, winner_key, merged_at from source_merges where brand_id = $1 and loser_key = keys.record_key offset 0
) as merge
union all
select json_build_object('merge', json_build_array(merge.loser_key, merge.winner_key, merge.merged_at))::text
from keys
cross join lateral (
    select loser_key, winner_key, merged_at from source_merges where brand_id = $1 and winner_key = keys.record_key offset 0
) as merge
union all
select json_build_object('decision', json_build_array(decision.left_key, decision.right_key, decision.same_person))::text
from keys
cross join lateral (
    select left_key, right_key, same_person from decisions
    where brand_id = $1 and left_key = keys.record_key and undone_at is null
    offset 0
) as decision
union all
select json_build_object('decision', json_build_array(decision.left_key, decision.right_key, decision.same_person))::text
from keys
cross join lateral (
    select left_key, right_key, same_person from decisions
    where brand_id = $1 and right_key = keys.record_key and undone_at is null
    offset 0
) as decision
union all
select json_build_object('confirmed', json_build_array(keys.record_key, confirmed.kind, confirmed.value))::text
from keys
cross join lateral (
    select kind, value from confirmed_addresses where brand_id = $1 and record_key = keys.record_key and undone_at is null offset 0
) as confirmed
union all
-- An id that was given out, for a key or for another record. It is the id of its record, alone or with a name before it.
select json_build_object('given', json_build_array(given.record_key, given.customer_id, given.given_at))::text
from keys
cross join lateral (select substr(keys.record_key, strpos(keys.record_key, ':') + 1) as id) as own
cross join lateral unnest(array[own.id, split_part(keys.record_key, '.', 1) || ':' || own.id, keys.record_key]) as shown (id)
cross join lateral (
    select record_key, customer_id, given_at from given_ids where brand_id = $1 and customer_id = shown.id offset 0
) as given
union all
-- An id that a key could show, but that was given out for a person who is erased.
select json_build_object('erased_id', shown.id)::text
from keys
cross join lateral (select substr(keys.record_key, strpos(keys.record_key, ':') + 1) as id) as own
cross join lateral unnest(array[own.id, split_part(keys.record_key, '.', 1) || ':' || own.id, keys.record_key]) as shown (id)
cross join lateral (
    select true from suppression_hashes as erased
    where erased.brand_id = $1 and erased.hash = sha256($22 || sha256($21 || convert_to(shown.id, 'UTF8')))
    limit 1
) as found
where (select true from suppression_hashes where brand_id = $1 limit 1)
union all
select json_build_object('shared', json_build_array(shared.kind, shared.value))::text
from (
    select own.kind, own.value from keys
    cross join lateral (select kind, value from identifiers where brand_id = $1 and record_key = keys.record_key offset 0) as own
    union
    select kind, value from asked
) as held (kind, value)
cross join lateral (
    select shared.kind, shared.value from shared_values as shared
    where shared.brand_id = $1 and shared.kind = held.kind and shared.value = held.value
    limit 1
) as shared
union all
select json_build_object('decided', json_build_array(decidable.kind, decidable.value))::text
from decidable
cross join lateral (
    select true from shared_value_decisions as line
    where line.brand_id = $1 and line.kind = decidable.kind and line.value = decidable.value and line.undone_at is null
    limit 1
) as found
union all
-- Counts names by skipping from one to the next, so that the cost does not depend on the number of holders.
select json_build_object('holder', json_build_object(
    'kind', counted.kind,
    'value', counted.value,
    'held', (
        select true from identifiers as held
        where held.brand_id = $1 and held.kind = counted.kind and held.value = counted.value and held.links
            and held.record_key <> all(array(select record_key from uncounted))
        limit 1
    ) is not null,
    'records', (
        select json_object_agg(source.kind, (
            select count(*) from (
                select from identifiers as held
                where held.brand_id = $1 and held.kind = counted.kind and held.value = counted.value
                    and held.source_kind = source.kind and held.links and held.record_key <> all(array(select record_key from uncounted))
                limit $16
            ) as counted_once
        )) from unnest($14::text[]) as source (kind)
    ),
    'names', (
        select json_agg(distinct named.name_key) from unnest($15::text[]) as source (kind)
        cross join lateral (
            with recursive names (name_key) as (
                (select held.name_key from identifiers as held
                where held.brand_id = $1 and held.kind = counted.kind and held.value = counted.value
                    and held.source_kind = source.kind and held.name_key > '' and held.links
                    and held.record_key <> all(array(select record_key from uncounted))
                order by held.name_key limit 1)
                union all
                select (select held.name_key from identifiers as held
                    where held.brand_id = $1 and held.kind = counted.kind and held.value = counted.value
                        and held.source_kind = source.kind and held.name_key > names.name_key and held.links
                        and held.record_key <> all(array(select record_key from uncounted))
                    order by held.name_key limit 1)
                from names where names.name_key is not null
            )
            select name_key from names where name_key is not null limit $20
        ) as named
    )
))::text from counted
union all
select json_build_object('event', json_build_array(event.event_key, event.state))::text
from events as event where event.brand_id = $1 and event.event_key = any($8)
union all
select json_build_object('timeline', json_build_array(keys.record_key, newest.event_key, newest.state))::text
from keys cross join lateral (
    select event.event_key, event.state from events as event
    where event.brand_id = $1 and event.record_key = keys.record_key and event.live and event.event_type <> all($18)
        and event.event_key <> all($8) and event.event_key <> all($11)
    order by event.occurred_at desc, event.source, event.external_id, event.event_type
    limit $17
) as newest
union all
select json_build_object('customer', json_build_object(
    'customer_key', customer.customer_key,
    'customer_id', customer.customer_id,
    'matched_by', customer.matched_by,
    'records', array(
        select own.record_key from customer_records as own where own.brand_id = $1 and own.customer_key = customer.customer_key
    ),
    'addresses', coalesce((
        select json_agg(json_build_array(own.kind, own.address, own.self_asserted)) from customer_addresses as own
        where own.brand_id = $1 and own.customer_key = customer.customer_key
    ), '[]'),
    'answer', coalesce((
        select encode(sha256(convert_to(answer.body, 'UTF8')), 'hex') from answers as answer
        where answer.brand_id = $1 and answer.customer_key = customer.customer_key
    ), ''),
    'settings_hash', coalesce((
        select encode(answer.settings_hash, 'hex') from answers as answer
        where answer.brand_id = $1 and answer.customer_key = customer.customer_key
    ), '')
))::text
from stored
cross join lateral (
    select customer_key, customer_id, matched_by from customers where brand_id = $1 and customer_key = stored.customer_key offset 0
) as customer
union all
select json_build_object('review', json_build_array(review.level, review.kind, review.value, review.conflict, review.customer_keys))::text
from stored
cross join lateral (
    select level, kind, value, conflict, customer_keys from match_reviews
    where brand_id = $1 and first_key = stored.customer_key
    offset 0
) as review
union all
select json_build_object('namesake', json_build_array(namesake.record_key, namesake.state))::text
from keys
cross join lateral (
    select record.record_key, record.state from records as record
    where record.brand_id = $1 and record.record_key = any(array(
        select other.kind || ':' || substr(keys.record_key, strpos(keys.record_key, ':') + 1) from unnest($19::text[]) as other (kind)
    ))
    offset 0
) as namesake
where namesake.record_key <> keys.record_key
