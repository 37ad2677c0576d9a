-- How often a person may call, shared by the replicas of a service (docs/adr/0025-quotas.md). Without a log of changes: what
-- it holds is worth seconds, and a server that starts anew gives everybody a full bucket.

set local search_path = public;

-- A bucket of one person for one kind of call at one service. caller_hash: of the account's subject (X9).
create unlogged table quotas (
    service text not null,
    caller_hash bytea not null,
    kind text not null,
    tokens double precision not null check (tokens >= 0),
    filled_at timestamptz not null,
    primary key (service, caller_hash, kind)
);

create index idx_quotas_filled on quotas (filled_at);

-- Takes up to `wanted` whole tokens out of a bucket that holds `burst` and is filled with `rate` a second. How many there
-- were; and if none, in how many seconds there will be one.
create function crewup.take_quota(
    of_service text, of_caller bytea, of_kind text, rate double precision, burst double precision, wanted integer,
    out taken integer, out wait double precision
)
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
declare
    at constant timestamptz := crewup.now();
    held double precision;
begin
    insert into quotas (service, caller_hash, kind, tokens, filled_at) values (of_service, of_caller, of_kind, burst, at)
    on conflict (service, caller_hash, kind) do update
    set tokens = least(burst, quotas.tokens + rate * greatest(0, extract(epoch from at - quotas.filled_at))),
        filled_at = greatest(at, quotas.filled_at)
    returning tokens into held;
    taken := least(wanted, floor(held));
    wait := case when taken = 0 then (1 - held) / rate else 0 end;
    if taken > 0 then
        update quotas q set tokens = held - taken
        where q.service = of_service and q.caller_hash = of_caller and q.kind = of_kind;
    end if;
end;
$$;

revoke execute on function
    crewup.take_quota(text, bytea, text, double precision, double precision, integer) from public;
grant execute on function
    crewup.take_quota(text, bytea, text, double precision, double precision, integer)
    to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
grant select, insert, update (tokens, filled_at), delete on quotas
    to crewup_event, crewup_group, crewup_user, crewup_safety, crewup_moderation;
