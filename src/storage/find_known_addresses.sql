select asked.n, found.customer_key, found.settings_hash, found.body, found.sources, looked.sources, looked.ages, looked.known
from unnest($2::text[], $3::text[], $4::bytea[]) with ordinality as asked (kind, address, question, n)
left join lateral (
    select array_agg(source) as sources, array_agg(extract(epoch from now() - queried_at)::float8) as ages, array_agg(is_known) as known
    from live_queries where brand_id = $1 and question = asked.question
) as looked on true
left join lateral (
    select answer.customer_key, answer.settings_hash, answer.body, (
        select array_agg(distinct split_part(record.record_key, '.', 1)) from customer_records as record
        where record.brand_id = $1 and record.customer_key = held.customer_key
    ) as sources
    from customer_addresses as held
    join answers as answer on answer.brand_id = $1 and answer.customer_key = held.customer_key
    where held.brand_id = $1 and held.kind = asked.kind and held.address = asked.address
        and {trusted_first}
    order by held.customer_key limit $5
) as found on true
order by asked.n
