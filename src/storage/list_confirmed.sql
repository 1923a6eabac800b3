-- $1 brand, $2 records, $3 kinds of record, whose keys begin with the kind and a colon
with recursive asked (record_key) as (
    select unnest($2::text[]) collate "C"
    union
    select own.left_key from unnest($3::text[]) as asked (kind)
    cross join lateral (
        select left_key from decisions
        where brand_id = $1 and left_key >= (asked.kind || ':') collate "C" and left_key < (asked.kind || ';') collate "C"
            and same_person and undone_at is null
        order by left_key
    ) as own
    union
    select own.right_key from unnest($3::text[]) as asked (kind)
    cross join lateral (
        select right_key from decisions
        where brand_id = $1 and right_key >= (asked.kind || ':') collate "C" and right_key < (asked.kind || ';') collate "C"
            and same_person and undone_at is null
        order by right_key
    ) as own
),
chain (record_key) as (
    select record_key from asked
    union
    select next.record_key from chain
    cross join lateral (
        select winner_key from source_merges where brand_id = $1 and loser_key = chain.record_key
        union all
        select loser_key from source_merges where brand_id = $1 and winner_key = chain.record_key
    ) as next (record_key)
)
select chain.record_key collate "C",
    (
        select true from decisions as own
        where own.brand_id = $1 and own.left_key = chain.record_key and own.same_person and own.undone_at is null
        limit 1
    ) is not null or (
        select true from decisions as own
        where own.brand_id = $1 and own.right_key = chain.record_key and own.same_person and own.undone_at is null
        limit 1
    ) is not null,
    coalesce(record.live, false), merge.winner_key, merge.merged_at
-- Through an array: Postgres expects ten rows of it, and of a recursion thousands, for which it would read whole tables.
from unnest(array(select record_key from chain)) as chain (record_key)
left join records as record on record.brand_id = $1 and record.record_key = chain.record_key
left join source_merges as merge on merge.brand_id = $1 and merge.loser_key = chain.record_key
