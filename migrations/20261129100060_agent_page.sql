-- Why: an answer can have a link to a page with the whole person. One number for each brand revokes all links that were given out,
-- and an agent who sees that a customer is not one person reports it, so that a supervisor decides.
-- Existing rows: brands begin with generation 0; nobody has a link yet.

-- Links of another generation do not work.
alter table brands add column agent_link_generation integer not null default 0;

-- What agents reported: this customer is not, or not only, one person.
create table customer_reports (
    brand_id integer not null,
    -- The customer's key when it was reported: that of its first record.
    customer_key text collate "C" not null,
    -- All its records when it was last reported, or when somebody decided.
    record_keys text[] collate "C" not null,
    -- How often it was reported.
    reports integer not null,
    -- The last ticket, if it is a number of 1 to 7 digits, as in lookup_history.
    last_ticket text collate "C",
    first_at timestamptz not null,
    last_at timestamptz not null,
    -- Somebody put the question away until then.
    postponed_until timestamptz,
    -- When somebody decided that it is one person. Without a new record, it is not asked again.
    settled_at timestamptz,
    constraint customer_reports_pkey primary key (brand_id, customer_key),
    constraint customer_reports_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint customer_reports_last_ticket_check check (last_ticket ~ '^[1-9][0-9]{0,6}$')
);

-- Whoever opens a link has no account: the audit log says that it was on the agent page.
alter table audit_log drop constraint audit_log_via_check,
    add constraint audit_log_via_check check (via in ('command', 'console', 'agent page'));
