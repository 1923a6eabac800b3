with ended as (
    update sync_streams
    set lease_owner = null,
        lease_until = null,
        cursor = null,
        finished_at = $5,
        incremental_watermark = case when $8 then started_at else incremental_watermark end,
        last_full_started_at = case when $8 and since is null then started_at else last_full_started_at end,
        drift = case when $8 and since is null then $6 else drift end,
        last_full_result = case when $8 and since is null then $7 else last_full_result end,
        note = case when $8 then '' else $7 end
    where brand_id = $1 and source = $2 and stream = $3 and lease_owner = $4
    returning brand_id, source, stream
)
delete from sync_seen_keys using ended
where sync_seen_keys.brand_id = ended.brand_id and sync_seen_keys.source = ended.source and sync_seen_keys.stream = ended.stream
