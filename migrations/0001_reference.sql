-- The reference schema, to the letter (docs/SCHEMA.md says where it comes from). Where the document leaves a
-- choice: ON DELETE CASCADE except resolved_by_user_id, and PostgreSQL's own names for constraints.
-- What is wrong with it is repaired by 0002, so that an existing CrewUp database and this one meet there.

create extension if not exists "uuid-ossp";

create table users (
    id uuid primary key default uuid_generate_v4(),
    keycloak_id varchar(255) unique not null,
    email varchar(255) unique not null,
    first_name varchar(100) not null,
    last_name varchar(100) not null,
    bio text,
    profile_picture_url text,
    interests text[],
    reputation decimal(3, 2) default 0.00 check (reputation >= 0 and reputation <= 5),
    is_active boolean default true,
    created_at timestamp default now(),
    updated_at timestamp default now()
);

create index idx_users_email on users (email);
create index idx_users_keycloak_id on users (keycloak_id);
create index idx_users_reputation on users (reputation);

create table events (
    id uuid primary key default uuid_generate_v4(),
    creator_id uuid references users (id) on delete cascade,
    name varchar(255) not null,
    description text,
    event_type varchar(50) check (
        event_type in ('bar', 'club', 'concert', 'party', 'restaurant', 'outdoor', 'sports', 'other')
    ),
    address text not null,
    latitude decimal(10, 8),
    longitude decimal(11, 8),
    event_start timestamp with time zone not null,
    event_end timestamp with time zone,
    max_attendees integer check (max_attendees > 0),
    is_public boolean default true,
    is_cancelled boolean default false,
    created_at timestamp default now(),
    updated_at timestamp default now(),
    check (event_start > created_at),
    check (event_end > event_start)
);

create index idx_events_start on events (event_start);
create index idx_events_creator on events (creator_id);
create index idx_events_location on events (latitude, longitude);
create index idx_events_type on events (event_type);

create table groups (
    id uuid primary key default uuid_generate_v4(),
    event_id uuid references events (id) on delete cascade,
    name varchar(255) not null,
    description text,
    max_members integer default 10 check (max_members > 0),
    is_private boolean default false,
    created_at timestamp default now()
);

create index idx_groups_event on groups (event_id);

create table group_members (
    group_id uuid references groups (id) on delete cascade,
    user_id uuid references users (id) on delete cascade,
    joined_at timestamp default now(),
    is_admin boolean default false,
    primary key (group_id, user_id)
);

create index idx_group_members_group on group_members (group_id);
create index idx_group_members_user on group_members (user_id);

create table messages (
    id uuid primary key default uuid_generate_v4(),
    group_id uuid references groups (id) on delete cascade,
    sender_id uuid references users (id) on delete cascade,
    content text not null check (char_length(content) between 1 and 2000),
    is_edited boolean default false,
    sent_at timestamp default now()
);

create index idx_messages_group_sent on messages (group_id, sent_at);

create table ratings (
    id uuid primary key default uuid_generate_v4(),
    rated_user_id uuid references users (id) on delete cascade,
    rater_user_id uuid references users (id) on delete cascade,
    rating integer not null check (rating >= 1 and rating <= 5),
    comment text,
    event_id uuid references events (id) on delete cascade,
    created_at timestamp default now(),
    unique (rated_user_id, rater_user_id, event_id),
    check (rated_user_id != rater_user_id)
);

create index idx_ratings_rated_user on ratings (rated_user_id);

create table safety_alerts (
    id uuid primary key default uuid_generate_v4(),
    user_id uuid references users (id) on delete cascade,
    group_id uuid references groups (id) on delete cascade,
    batch_id uuid,
    latitude decimal(10, 8),
    longitude decimal(11, 8),
    alert_type varchar(50) default 'help' check (alert_type in ('help', 'medical', 'harassment', 'other')),
    message text,
    created_at timestamp default now(),
    resolved_at timestamp,
    resolved_by_user_id uuid references users (id) on delete set null
);

create index idx_safety_alerts_group on safety_alerts (group_id);
create index idx_safety_alerts_user on safety_alerts (user_id);
create index idx_safety_alerts_created on safety_alerts (created_at);
create index idx_safety_alerts_batch on safety_alerts (batch_id);

create table event_attendees (
    event_id uuid references events (id) on delete cascade,
    user_id uuid references users (id) on delete cascade,
    status varchar(20) default 'going' check (status in ('going', 'interested', 'not_going')),
    created_at timestamp default now(),
    updated_at timestamp default now(),
    primary key (event_id, user_id)
);

create index idx_event_attendees_user on event_attendees (user_id);
create index idx_event_attendees_status on event_attendees (event_id, status);

create view user_reputation as
select
    u.id as user_id,
    coalesce(avg(r.rating), 0) as average_rating,
    count(r.id) as total_ratings
from users u
left join ratings r on u.id = r.rated_user_id
group by u.id;

create or replace function set_updated_at() returns trigger as $$
begin
  new.updated_at = current_timestamp;
  return new;
end;
$$ language plpgsql;

create trigger trg_users_updated
before update on users
for each row
execute function set_updated_at();

create trigger trg_events_updated
before update on events
for each row
execute function set_updated_at();
