-- $1 brand, $2 $3 start nodes (kinds, texts), $4 kinds of value that connect, $5 the most records for each
-- node, $6 only live trusted ones, $7 self-asserted kinds, $8 records of those kinds that a person confirmed.
-- Other self-asserted records are found by their values, but connect nothing. The statement tests whether a
-- value is shared with "limit 1", not with "exists": Postgres could plan "exists" as a scan of all rows.
select start.n, found.record_key
from unnest($2::text[], $3::text[]) with ordinality as start (kind, value, n)
cross join lateral (
    with recursive component (kind, value) as (
        select start.kind collate "C", start.value collate "C"
        union
        select next.kind, next.value from component
        cross join lateral (
            select own.kind, own.value from identifiers as own
            where component.kind = 'record' and own.brand_id = $1 and own.record_key = component.value and own.links and own.kind = any($4)
                and (own.source_kind <> all($7) or own.record_key = any($8))
                and (
                    select true from shared_values as shared
                    where shared.brand_id = $1 and shared.kind = own.kind and shared.value = own.value
                    limit 1
                ) is null
            union all
            select 'record', holder.record_key from identifiers as holder
            where component.kind = any($4) and holder.brand_id = $1 and holder.kind = component.kind and holder.value = component.value
                and holder.links
                and (
                    select true from shared_values as shared
                    where shared.brand_id = $1 and shared.kind = component.kind and shared.value = component.value
                    limit 1
                ) is null
            union all
            {component_links}
        ) as next (kind, value)
    )
    select component.value from component
    where component.kind = 'record' and (
        not $6
        or (
            (split_part(component.value, ':', 1) <> all($7) or component.value = any($8))
            and (select record.live from records as record where record.brand_id = $1 and record.record_key = component.value)
        )
    )
    limit $5
) as found (record_key)
