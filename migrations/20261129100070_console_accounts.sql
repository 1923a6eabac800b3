-- Why: people get into the console with an account of their own, not only with a link. Wrong passwords are counted by all
-- replicas together, for names with and without an account alike.
-- Existing rows: sessions that go on were begun with a link.

-- Accounts of people in the console. Each begins with an invitation: a link with which the person sets a password.
create table console_accounts (
    brand_id integer not null,
    account_id uuid not null,
    -- The person, as the audit log names them.
    name text not null,
    -- The name in the form in which it is compared: two names that differ in case only are one.
    name_key text collate "C" not null,
    -- viewer, supervisor or admin.
    role text collate "C" not null,
    -- argon2id with its parameters and its salt. Null until the person has set a password.
    password_hash text collate "C",
    -- SHA-256 of the code in the invitation. Null if none is open.
    invitation_hash bytea,
    invitation_expires_at timestamptz,
    created_at timestamptz not null,
    last_log_in_at timestamptz,
    constraint console_accounts_pkey primary key (brand_id, account_id),
    constraint console_accounts_name_key_key unique (brand_id, name_key),
    constraint console_accounts_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint console_accounts_invitation_hash_check check (octet_length(invitation_hash) = 32),
    constraint console_accounts_invitation_check check ((invitation_hash is null) = (invitation_expires_at is null))
);

alter table console_sessions
    -- The account of the person. Null for a link and for the login provider. Without its account, a session is over.
    add column account_id uuid,
    -- link, password or provider.
    add column came_by text collate "C" not null default 'link',
    add constraint console_sessions_account_id_fkey foreign key (brand_id, account_id)
        references console_accounts (brand_id, account_id) on delete cascade;

create index console_sessions_account_id_idx on console_sessions (brand_id, account_id) where account_id is not null;

-- Wrong passwords in a row. They are of no brand, because somebody who guesses may also name one that does not exist.
create table console_password_attempts (
    -- SHA-256 of the brand and the name as somebody typed them. There may be no such account.
    name_hash bytea not null,
    wrong_in_a_row integer not null,
    waits_until timestamptz not null,
    last_at timestamptz not null,
    constraint console_password_attempts_pkey primary key (name_hash),
    constraint console_password_attempts_name_hash_check check (octet_length(name_hash) = 32)
);

create index console_password_attempts_last_at_idx on console_password_attempts (last_at);
