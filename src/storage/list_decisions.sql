-- $1 brand, $2 whether the newest before ($9 time, $10 id), $3 a decision, $4 records, $5 $6 addresses (kind, value), $7 whether to follow decisions in
-- force and merges of the sources from the records, $8 the most
--
-- What a recursion or several searches found is read through an array: Postgres expects ten rows of it. Otherwise it expects
-- thousands, and reads all decisions.
with recursive named (record_key) as (
    select unnest($4::text[]) collate "C"
    union
    select next.record_key from named
    cross join lateral (
        select right_key from decisions where brand_id = $1 and left_key = named.record_key and undone_at is null
        union all
        select left_key from decisions where brand_id = $1 and right_key = named.record_key and undone_at is null
        union all
        select winner_key from source_merges where brand_id = $1 and loser_key = named.record_key
        union all
        select loser_key from source_merges where brand_id = $1 and winner_key = named.record_key
    ) as next (record_key)
    where $7
),
known (record_key) as materialized (
    select unnest(array(select record_key from named)) collate "C"
),
found (decision_id) as materialized (
    select $3::uuid
    union
    select decision_id from (
        select distinct decided_at, decision_id from decisions
        where $2 and brand_id = $1 and (decided_at, decision_id) < ($9, $10)
        order by decided_at desc, decision_id desc limit $8
    ) as newest
    union
    select decision_id from (
        select decision_id from shared_value_decisions
        where $2 and brand_id = $1 and (decided_at, decision_id) < ($9, $10)
        order by decided_at desc, decision_id desc limit $8
    ) as newest
    union
    select decision_id from (
        select distinct decided_at, decision_id from confirmed_addresses
        where $2 and brand_id = $1 and (decided_at, decision_id) < ($9, $10)
        order by decided_at desc, decision_id desc limit $8
    ) as newest
    union
    select own.decision_id from known as named join decisions as own on own.brand_id = $1 and own.left_key = named.record_key
    union
    select own.decision_id from known as named join decisions as own on own.brand_id = $1 and own.right_key = named.record_key
    union
    select own.decision_id from known as named join confirmed_addresses as own on own.brand_id = $1 and own.record_key = named.record_key
    union
    select own.decision_id from unnest($5::text[], $6::text[]) as asked (kind, value)
    join shared_value_decisions as own on own.brand_id = $1 and own.kind = asked.kind and own.value = asked.value
    union
    select own.decision_id from unnest($5::text[], $6::text[]) as asked (kind, value)
    join confirmed_addresses as own on own.brand_id = $1 and own.kind = asked.kind and own.value = asked.value
),
ids (decision_id) as materialized (
    select unnest(array(select decision_id from found))
),
listed (decision_id, decided_by, reason, decided_at, undone_at, undone_by, undone_reason, what, left_keys, right_keys, kind, value) as (
    select pair.decision_id, min(pair.decided_by), min(pair.reason), min(pair.decided_at), min(pair.undone_at), min(pair.undone_by), min(pair.undone_reason),
        case when bool_and(pair.same_person) then 'same' else 'different' end,
        array_agg(pair.left_key order by pair.left_key, pair.right_key),
        array_agg(pair.right_key order by pair.left_key, pair.right_key),
        null::text, null::text
    from ids join decisions as pair on pair.brand_id = $1 and pair.decision_id = ids.decision_id
    group by pair.decision_id
    union all
    select line.decision_id, line.decided_by, line.reason, line.decided_at, line.undone_at, line.undone_by, line.undone_reason, 'shared', '{}', '{}', line.kind, line.value
    from ids join shared_value_decisions as line on line.brand_id = $1 and line.decision_id = ids.decision_id
    union all
    select confirmed.decision_id, min(confirmed.decided_by), min(confirmed.reason), min(confirmed.decided_at), min(confirmed.undone_at), min(confirmed.undone_by), min(confirmed.undone_reason),
        'confirmed', array_agg(confirmed.record_key order by confirmed.record_key), '{}', min(confirmed.kind), min(confirmed.value)
    from ids join confirmed_addresses as confirmed on confirmed.brand_id = $1 and confirmed.decision_id = ids.decision_id
    group by confirmed.decision_id
)
select decision_id, decided_by, reason, decided_at, undone_at, undone_by, undone_reason, what, left_keys, right_keys, kind, value
from listed where not $7 or undone_at is null
order by decided_at desc, decision_id desc limit $8
