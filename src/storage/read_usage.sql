with now as materialized (select clock_timestamp() as at)
select case when $4 > 0 then date_bin($4 * interval '1 millisecond', now.at, 'epoch') + $4 * interval '1 millisecond' else now.at end,
    extract(epoch from account.blocked_until - now.at)::float8,
    case when account.allowance_until > now.at then account.allowance - (
        select coalesce(sum(later.number), 0)
        from call_grants as later
        where later.brand_id = $1 and later.source = $2 and later.granted_at >= account.allowance_since
    ) end,
    extract(epoch from account.allowance_until - now.at)::float8,
    extract(epoch from now.at - account.live_wanted_at)::float8,
    extract(epoch from now.at - account.other_wanted_at)::float8,
    coalesce(lately.ages, '{}'),
    coalesce(lately.priorities, '{}'),
    coalesce(lately.numbers, '{}')
from now
cross join upstream_accounts as account
cross join lateral (
    select array_agg(extract(epoch from now.at - call.granted_at)::float8) as ages,
        array_agg(call.priority) as priorities,
        array_agg(call.number) as numbers
    from (
        select granted_at, priority, number
        from call_grants
        where brand_id = $1 and source = $2 and granted_at > now.at - $3 * interval '1 second'
        order by granted_at, priority
    ) as call
) as lately
where account.brand_id = $1 and account.source = $2
