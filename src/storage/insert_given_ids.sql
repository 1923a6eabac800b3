-- $1 brand, $2 records, $3 their ids as answers showed them, $4 when
with added as (
    insert into given_ids (brand_id, record_key, customer_id, given_at)
    select $1, asked.record_key, asked.customer_id, date_trunc('microseconds', asked.given_at)
    from unnest($2::text[], $3::text[], $4::timestamptz[]) as asked (record_key, customer_id, given_at)
    join customer_records as own on own.brand_id = $1 and own.record_key = asked.record_key
    where (
        select true from given_ids as other where other.brand_id = $1 and other.customer_id = asked.customer_id limit 1
    ) is null
    on conflict do nothing
    returning record_key, customer_id
)
select added.record_key from added
join customer_records as own on own.brand_id = $1 and own.record_key = added.record_key
join customers as customer on customer.brand_id = $1 and customer.customer_key = own.customer_key
where customer.customer_id <> added.customer_id
union
select other.customer_key from added
join customer_records as own on own.brand_id = $1 and own.record_key = added.record_key
join customers as other on other.brand_id = $1 and other.customer_id = added.customer_id
where other.customer_key <> own.customer_key
