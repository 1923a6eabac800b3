-- Why: people get into the console with the login provider of their company. A log-in begins on one replica and may end on
-- another, and ends once.
-- Existing rows: none.

-- Log-ins that wait for the person to come back from the login provider. They are of no brand: which brands the person
-- has roles in is known at the end.
create table console_provider_log_ins (
    -- SHA-256 of the value of the browser's cookie. All other secrets of the log-in come from that value.
    cookie_hash bytea not null,
    expires_at timestamptz not null,
    constraint console_provider_log_ins_pkey primary key (cookie_hash),
    constraint console_provider_log_ins_cookie_hash_check check (octet_length(cookie_hash) = 32)
);

create index console_provider_log_ins_expires_at_idx on console_provider_log_ins (expires_at);
