-- What the bench and EXPLAIN showed on a million events (docs/PERFORMANCE.md, docs/adr/0015).

set local search_path = public;

-- The functions that begin a write and hold a row look up by key: their plan is the same for everybody, and making it anew
-- for each call was an eighth of what PostgreSQL did for a message.
alter function crewup.event_held(uuid, boolean, uuid, boolean) set plan_cache_mode = force_generic_plan;
alter function crewup.crew_held(uuid, boolean, uuid, boolean) set plan_cache_mode = force_generic_plan;
alter function crewup.alert_held(uuid, boolean, uuid) set plan_cache_mode = force_generic_plan;

-- As in 0003. For one person, which is nearly every write, nothing is sorted; and the locks are taken by assignments,
-- which need no executor.
create or replace function crewup.enter(caller uuid, others uuid[])
returns table (entered_at timestamptz, user_id uuid, state text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    people uuid[] := array[caller];
    person uuid;
    locked text;
begin
    -- Under a snapshot taken before the locks, the answer below could be from before the ban that we waited for.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'crewup.enter needs READ COMMITTED' using errcode = 'invalid_transaction_state';
    end if;

    if cardinality(others) > 0 then
        people := array(
            select distinct p from unnest(array_append(others, caller)) p where p is not null order by p
        );
    end if;
    foreach person in array people loop
        -- One 64-bit key from a namespaced text: the two-key form has 32 bits for the person, so that strangers
        -- would meet, and without the namespace a lock on some other thing with the same id would be this one.
        locked := pg_advisory_xact_lock(hashtextextended('crewup.user:' || person, 0));
    end loop;

    -- A later statement: its snapshot is taken now, with all the locks held.
    return query
        select crewup.now(), u.id, u.state from api_users u where u.id = any (people) order by u.id;
end;
$$;

-- E21: what is running at a moment. A list from a moment on read all that had started in the 31 days before it.
create index idx_events_running on events
using gist (tstzrange(event_start, crewup.effective_end(event_start, event_end)));

-- E23: the day beside the words, so that a search for what is to come reads and compares nothing of the past. By day, for
-- GIN keeps a list for each value.
create extension if not exists btree_gin with schema public;
create index idx_events_search_day on events
using gin (((event_start at time zone 'UTC')::date), search_text gin_trgm_ops);
drop index idx_events_search;
