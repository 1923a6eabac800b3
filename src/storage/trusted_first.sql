-- Whether the customer `held` counts as a holder of an address: a self-asserted value counts only if no trusted record has
-- it. Part of all statements that find customers by an address, in place of {trusted_first}.
(not held.self_asserted or (
    select true from customer_addresses as trusted
    where trusted.brand_id = $1 and trusted.kind = held.kind and trusted.address = held.address and not trusted.self_asserted
    limit 1
) is null)
