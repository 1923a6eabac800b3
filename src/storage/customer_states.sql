select
    customer.customer_key,
    customer.customer_id,
    array(
        select own.record_key from customer_records as own
        where own.brand_id = $1 and own.customer_key = customer.customer_key
        order by own.record_key
    ) as records,
    array(
        select concat_ws(' ', own.kind, own.address, own.self_asserted) from customer_addresses as own
        where own.brand_id = $1 and own.customer_key = customer.customer_key
        order by own.kind, own.address
    ) as addresses
from customers as customer
where customer.brand_id = $1
