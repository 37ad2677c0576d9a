-- X6: entering without waiting. A transaction that many calls share must not wait for one of them (docs/adr/0029).

set local search_path = public;

-- As crewup.enter, of those whose lock nobody holds; whoever else of `people` is left out, and the caller may not act for them.
create function crewup.enter_free(people uuid[])
returns table (entered_at timestamptz, user_id uuid, state text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    free uuid[] := '{}';
    person uuid;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'crewup.enter_free needs READ COMMITTED' using errcode = 'invalid_transaction_state';
    end if;

    -- In any order: who does not wait is in nobody's way.
    foreach person in array people loop
        if pg_try_advisory_xact_lock(hashtextextended('crewup.user:' || person, 0)) then
            free := free || person;
        end if;
    end loop;

    -- A later statement: its snapshot is taken now, with all the locks held.
    return query
        select crewup.now(), u.id, u.state from api_users u where u.id = any (free) order by u.id;
end;
$$;

revoke execute on function crewup.enter_free(uuid[]) from public;
grant execute on function crewup.enter_free(uuid[]) to crewup_group;
