insert into sync_streams as known (brand_id, source, stream, run_id, is_reconcile, since, cursor, started_at, lease_owner, lease_until)
values ($1, $2, $3, $4, false, $8, $7, $5, $4, $6)
on conflict (brand_id, source, stream) do update
set lease_owner = excluded.lease_owner,
    lease_until = excluded.lease_until,
    is_cancelled = false,
    finished_at = null,
    note = '',
    -- A request is for a full run that begins: a run that goes on, or one of what changed, does not answer it.
    requested_at = case when excluded.since is null and (known.finished_at is not null or known.is_cancelled) then null else known.requested_at end,
    (run_id, is_reconcile, since, cursor, started_at, scanned, changed, total, deleted, restart_count) = (
        select known.run_id, known.is_reconcile, known.since, known.cursor, known.started_at, known.scanned, known.changed, known.total,
            known.deleted, known.restart_count
        where known.finished_at is null and not known.is_cancelled
        union all
        select excluded.run_id, known.last_full_started_at is not null, excluded.since, excluded.cursor, excluded.started_at, 0, 0, null, 0, 0
        where known.finished_at is not null or known.is_cancelled
    )
where known.lease_owner is null or known.lease_until <= $5
returning *
