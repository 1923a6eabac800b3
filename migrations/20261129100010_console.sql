-- Why: people decide, replay and look up in a browser. They come in with a link that works once, and stay for some hours.
-- Existing rows: none.

-- Links to the console. Each works once, for a short time. A row stays until its time is over.
create table console_links (
    brand_id integer not null,
    -- SHA-256 of the code in the link.
    code_hash bytea not null,
    -- viewer, supervisor or admin.
    role text collate "C" not null,
    -- The person that it is for, as the audit log will name them.
    person text not null,
    expires_at timestamptz not null,
    constraint console_links_pkey primary key (brand_id, code_hash),
    constraint console_links_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint console_links_code_hash_check check (octet_length(code_hash) = 32)
);

-- Sessions of people in the console.
create table console_sessions (
    brand_id integer not null,
    session_id uuid not null,
    -- SHA-256 of the value of the cookie.
    token_hash bytea not null,
    role text collate "C" not null,
    person text not null,
    created_at timestamptz not null,
    -- To within a minute.
    last_used_at timestamptz not null,
    constraint console_sessions_pkey primary key (brand_id, session_id),
    constraint console_sessions_token_hash_key unique (brand_id, token_hash),
    constraint console_sessions_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint console_sessions_token_hash_check check (octet_length(token_hash) = 32)
);
