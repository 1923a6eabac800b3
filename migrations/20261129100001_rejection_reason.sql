-- Why: somebody whose webhook was rejected must see the reason at once. The log may have it on another replica, and has it at
-- most once a minute.
-- Existing rows: no reason, until the next webhook of the source is rejected.

-- Why the last unverified webhook was rejected: what is wrong with its form. Never its content, a signature or a secret.
alter table webhook_stats add column unverified_reason text not null default '';
