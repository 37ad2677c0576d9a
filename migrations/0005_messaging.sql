-- What a call leaves for its retry (X1) and for the other services (X8). Ids, states and times only (X9).

set local search_path = public;

-- X1: inserted first in the transaction, so that a concurrent twin waits here and then replays. result_id is the
-- id of what was made; it is filled in before the commit. No foreign keys: the object may be of any service.
create table idempotency (
    caller_id uuid not null,
    method text not null,
    request_id uuid not null,
    request_hash bytea not null,
    result_id uuid,
    created_at timestamptz not null,
    primary key (caller_id, method, request_id)
);

-- Kept 48 h, then purged by age.
create index idx_idempotency_created on idempotency (created_at);

-- X8: what happened, written in the transaction that it tells of. key is the event, crew or user by which
-- consumers keep order; subject is the person concerned, if there is one. A log, kept 48 h.
create table outbox (
    id bigint primary key generated always as identity,
    topic text not null,
    key uuid not null,
    subject uuid,
    created_at timestamptz not null
);

create index idx_outbox_created on outbox (created_at);

-- X8: what a consumer has still to do. Written together with the outbox row, one for each consumer of its topic,
-- and deleted in the transaction of the effect. Topic, key and subject are repeated, so that claiming reads one
-- table.
create table outbox_claims (
    outbox_id bigint not null references outbox (id) on delete cascade,
    consumer text not null,
    topic text not null,
    key uuid not null,
    subject uuid,
    attempts integer not null default 0 check (attempts >= 0),
    due_at timestamptz not null,
    parked_at timestamptz,
    primary key (consumer, outbox_id)
);

-- The oldest undone row of a key, the only one that may be claimed (two workers on one key reversed two RSVPs).
-- A parked row is in neither index: it must not block the later rows of its key.
create index idx_outbox_claims_key on outbox_claims (consumer, key, outbox_id) where parked_at is null;
create index idx_outbox_claims_due on outbox_claims (consumer, due_at, outbox_id) where parked_at is null;
-- Parked rows are counted and alerted on.
create index idx_outbox_claims_parked on outbox_claims (consumer, parked_at) where parked_at is not null;
-- The cascade of the purge looks for claims by outbox row; the primary key begins with the consumer.
create index idx_outbox_claims_outbox on outbox_claims (outbox_id);
