-- Why: somebody who revoked a key cannot see that a system still calls with it.
-- Existing rows: null, never rejected.

-- The last time that the key was rejected, because it is revoked or expired; to within half a minute.
alter table api_keys add column last_rejected_at timestamptz;
