-- X6: a read needs to know that its caller is not banned, deactivated or erased, as of a second ago at most. Asking for each
-- caller is a second round trip for almost every read, since few people call twice in a second. Those who are restricted
-- are few, so each process keeps them all, and asks several times a second who was added (docs/adr/0017).

set local search_path = public;

-- The transaction that last made the person one of them; null while there is nothing to look for. A transaction's number
-- and not a time: times are in the order in which transactions began, and the reader must miss none that was still open.
alter table users add column restricted_xid xid8;

create function crewup.mark_restricted() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    if not (new.is_banned or not new.is_active or new.erased_at is not null) then
        new.restricted_xid := null;
    elsif new.restricted_xid is null then
        new.restricted_xid := pg_current_xact_id();
    end if;
    return new;
end;
$$;

create trigger trg_users_restricted
before insert or update of is_active, is_banned, erased_at on users
for each row execute function crewup.mark_restricted();

update users set restricted_xid = pg_current_xact_id() where is_banned or not is_active or erased_at is not null;

create index idx_users_restricted on users (restricted_xid) include (id) where restricted_xid is not null;

-- Who is restricted, by a ban that may be over already, or by being deactivated or erased: those whom a transaction
-- numbered `since` or later made so, and from where to ask the next time. `next` is before every transaction that is open
-- now, so that none is missed; those that have ended since are told twice. Another server than the one that answered
-- last, or null, is told of all: after a failover or a restore the numbers may have gone back.
create function crewup.restricted_since(since bigint, inout server timestamptz, out next bigint, out people uuid[])
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select
        pg_postmaster_start_time(),
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        array(
            select u.id from users u
            where u.restricted_xid >= (case when server = pg_postmaster_start_time() then since else 0 end)::text::xid8
        )
$$;

revoke execute on function crewup.mark_restricted(), crewup.restricted_since(bigint, timestamptz) from public;
grant execute on function crewup.restricted_since(bigint, timestamptz)
to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
