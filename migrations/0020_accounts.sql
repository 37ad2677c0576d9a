-- Accounts at the identity provider (docs/adr/0023): what a synchronisation found of them, and what is to be done with them.

set local search_path = public;

-- disabled_at: the profile was put aside because its account was disabled, not by the person (U6); it comes back with the
-- account. account_gone_at: since when the account is gone; the profile is erased when it is so for the time of grace (U8).
alter table users
    add column disabled_at timestamptz,
    add column account_gone_at timestamptz;
grant update (disabled_at, account_gone_at) on users to crewup_user;

-- How an account is to be at the identity provider: a wish, written in a transaction, carried out after it, and again until it
-- is done. subject is the account's, which a profile that is erased does not say any more; such a row goes when the
-- account is deleted. `ours`: it is by us that the account is disabled, so that we may enable it again. leased_until: a
-- process is at it; it alone writes to the account until then. revision: who is done with an older wish has not done this one.
create table account_orders (
    user_id uuid primary key references users (id),
    subject varchar(255) not null,
    wanted text not null check (wanted in ('enabled', 'disabled', 'deleted')),
    until timestamptz,
    ours boolean not null default false,
    revision bigint not null default 1,
    ordered_at timestamptz not null,
    due_at timestamptz not null,
    leased_until timestamptz,
    attempts integer not null default 0 check (attempts >= 0),
    done_at timestamptz
);
create index idx_account_orders_due on account_orders (due_at) where done_at is null;
create index idx_account_orders_until on account_orders (until) where wanted = 'disabled' and until is not null;
grant select, insert, update, delete on account_orders to crewup_user;

-- The timed synchronisation: one row. It is due then; until its lease ends a process is at it, or it waits after one that ended
-- badly; where that stopped, the next goes on.
create table account_sync (
    id boolean primary key default true check (id),
    due_at timestamptz not null,
    leased_until timestamptz,
    has_failed boolean not null default false,
    resume_token text not null default ''
);
insert into account_sync (due_at) values (crewup.now());
grant select, update on account_sync to crewup_user;

-- As 0018 has it; and the account goes, too.
create or replace function crewup.erase(person uuid) returns void
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into account_orders as o (user_id, subject, wanted, ordered_at, due_at)
    select u.id, u.keycloak_id, 'deleted', crewup.now(), crewup.now()
    from users u
    where u.id = person and u.erased_at is null
    on conflict (user_id) do update
    set wanted = 'deleted', until = null, revision = o.revision + 1, ordered_at = excluded.ordered_at,
        due_at = excluded.due_at, attempts = 0, done_at = null;
    with roles as (
        delete from user_roles where user_id = person
    ), blocks as (
        delete from user_blocks where blocker_id = person
    ), given as (
        update ratings set comment = null where rater_user_id = person and comment is not null
    )
    update users
    set keycloak_id = 'erased:' || encode(sha256(convert_to(keycloak_id, 'UTF8')), 'hex'),
        email = id || '@erased.invalid', first_name = '', last_name = '', bio = null, profile_picture_url = null,
        interests = null, claims_iat = null, erased_at = crewup.now(), revision = revision + 1
    where id = person and erased_at is null;
    -- Apart: the trigger of each row computes the reputation on the row that was just written.
    delete from ratings where rated_user_id = person;
end;
$$;

-- U7, as 0014 has it, with what is to be done with the account.
create or replace function crewup.api_export_user(person uuid) returns table (table_name text, row_json jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select 'users', to_jsonb(u) - 'search_text' from users u where u.id = person
    union all
    select 'user_roles', to_jsonb(r) from user_roles r where r.user_id = person
    union all
    select 'user_blocks', to_jsonb(b) from user_blocks b where b.blocker_id = person
    union all
    select 'ratings', to_jsonb(r) from ratings r where r.rater_user_id = person or r.rated_user_id = person
    union all
    select 'account_orders', to_jsonb(o) from account_orders o where o.user_id = person
$$;
