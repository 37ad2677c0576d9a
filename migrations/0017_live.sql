-- Live streams (C4, E7, S6): what a stream that lost a wake-up finds by looking.

set local search_path = public;

-- The transaction that told it: rows become visible in the order of commits, which neither ids nor times follow.
alter table outbox add column xid xid8;
alter table outbox alter column xid set default pg_current_xact_id();
create index idx_outbox_xid on outbox (xid) where xid is not null;

-- What was told of `topics` by transactions that the snapshot `snapshot` did not see, and the snapshot to ask with the next
-- time. Null: from now on. Another server than the one that answered last may count anew, after a failover or a restore: what
-- was told in the last ten minutes.
create function crewup.outbox_since(
    inout snapshot text, inout server timestamptz, topics text[], out keys uuid[]
)
language sql stable set search_path = pg_catalog, public, pg_temp as $$
    select
        pg_current_snapshot()::text,
        pg_postmaster_start_time(),
        case
            when server = pg_postmaster_start_time() then array(
                select distinct k.key
                from outbox o
                cross join lateral (values (o.key), (o.subject)) k (key)
                where o.xid >= pg_snapshot_xmin(snapshot::pg_snapshot)
                    and not pg_visible_in_snapshot(o.xid, snapshot::pg_snapshot)
                    and o.topic = any (topics)
                    and k.key is not null
            )
            when server is not null then array(
                select distinct k.key
                from outbox o
                cross join lateral (values (o.key), (o.subject)) k (key)
                where o.created_at > crewup.now() - interval '10 minutes'
                    and o.topic = any (topics)
                    and k.key is not null
            )
            else '{}'
        end
$$;

revoke execute on function crewup.outbox_since(text, timestamptz, text[]) from public;
grant execute on function crewup.outbox_since(text, timestamptz, text[]) to crewup_event, crewup_safety;

-- Grows with every change of what an event's watchers see of its seats; with events.revision it makes the revision of
-- WatchEvents. A trigger, so that no statement forgets it.
alter table event_seats add column revision bigint not null default 1;

create function crewup.next_revision() returns trigger
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    new.revision := old.revision + 1;
    return new;
end;
$$;

create trigger trg_event_seats_revision
before update on event_seats
for each row execute function crewup.next_revision();

revoke execute on function crewup.next_revision() from public;
