-- Why: the audit log says where a person asked for an action: with a command, or on a page of the console.
-- Existing rows: keep null, for it is unknown, but for those with the reason "console". The console wrote that if a person gave none.

alter table audit_log add column via text collate "C" check (via in ('command', 'console'));

update audit_log set via = 'console', reason = '' where reason = 'console';

update decisions set reason = '' where reason = 'console';

update shared_value_decisions set reason = '' where reason = 'console';

update confirmed_addresses set reason = '' where reason = 'console';
