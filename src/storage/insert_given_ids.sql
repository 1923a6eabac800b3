-- $1 brand, $2 records, $3 their ids as answers showed them, $4 when
with new as materialized (
    select asked.record_key, asked.customer_id, asked.given_at, own.customer_key
    from unnest($2::text[], $3::text[], $4::timestamptz[]) as asked (record_key, customer_id, given_at)
    join customer_records as own on own.brand_id = $1 and own.record_key = asked.record_key
    where (
        select true from given_ids as other where other.brand_id = $1 and other.customer_id = asked.customer_id limit 1
    ) is null
), added as (
    insert into given_ids (brand_id, record_key, customer_id, given_at)
    select $1, record_key, customer_id, date_trunc('microseconds', given_at) from new
    on conflict do nothing
)
-- If only the record's own customer shows the id, nothing has to be derived again.
select new.record_key, shown.customer_key
from new left join customers as shown on shown.brand_id = $1 and shown.customer_id = new.customer_id
where shown.customer_key is distinct from new.customer_key
