-- Why: an erasure deletes the reasons of earlier actions about the person. The audit log says so, because otherwise it
-- would say that no reason was given.
-- Existing rows: which of their reasons were deleted is not known. They still say that none was given.

alter table audit_log add column is_reason_erased boolean not null default false;
