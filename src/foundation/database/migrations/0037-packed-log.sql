-- The authentication log packs: one row for each committed statement instead of one for each use, packed in the background
-- into segments of some thousand uses, whose texts are said once and whose columns are arrays of numbers that compress.
-- `authentication_log` stays what is read: a view of both.
alter table authentication_log rename to authentication_log_rows;
alter table authentication_log_default rename to authentication_log_rows_default;

-- Each statement takes a block of 1,024 ids. Below 2^53, and beyond those that were given one by one.
create sequence authentication_log_ids increment by 1024 maxvalue 9007199254740991;
select setval('authentication_log_ids', greatest(last_value / 1024 + 1, 1) * 1024, false) from authentication_log_id_seq;
alter table unknown_uses alter column id set default nextval('authentication_log_ids');

-- Who used something: said once, and again a day later, so that it can go when nothing refers to it any more. What is used
-- again and again (a key, a client's secret, a connection) is a part of it; of tokens, of which there are many, the use says
-- which. Numbers of those that have gone come again. The same may stand here twice: of two statements at once neither waits.
create table authentication_log_holders (
  id integer generated always as identity (cycle) primary key,
  made_at timestamptz not null default now(),
  hash bigint not null,
  credential_id text,
  credential_kind text not null,
  credential_name text,
  user_id text,
  user_email text,
  organization_id text,
  client_id text
);
create index authentication_log_holders_hash on authentication_log_holders (hash, made_at);
create index authentication_log_holders_api_key on authentication_log_holders (credential_id)
  where credential_kind = 'api_key';
create index authentication_log_holders_made on authentication_log_holders (made_at);

-- How, and with what outcome.
create table authentication_log_ways (
  id integer generated always as identity (cycle) primary key,
  made_at timestamptz not null default now(),
  hash bigint not null,
  outcome text not null check (outcome in ('accepted', 'refused', 'denied')),
  reason text,
  via text not null,
  resource_server text,
  user_agent text,
  method text
);
create index authentication_log_ways_hash on authentication_log_ways (hash, made_at);
create index authentication_log_ways_made on authentication_log_ways (made_at);

-- Called for what a statement does not find: it may have made it itself, which its own snapshot does not show.
create function authentication_log_holder(credential_id text, credential_kind text, credential_name text, user_id text,
  user_email text, organization_id text, client_id text) returns integer
language plpgsql volatile as $$
declare
  wanted bigint := hash_record_extended(row($1, $2, $3, $4, $5, $6, $7), 0);
  found integer;
begin
  select h.id into found from authentication_log_holders h
  where h.hash = wanted and h.made_at > now() - interval '1 day' and row(h.credential_id, h.credential_kind, h.credential_name, h.user_id,
    h.user_email, h.organization_id, h.client_id) is not distinct from row($1, $2, $3, $4, $5, $6, $7) limit 1;
  if found is null then
    insert into authentication_log_holders (hash, credential_id, credential_kind, credential_name, user_id, user_email,
      organization_id, client_id) values (wanted, $1, $2, $3, $4, $5, $6, $7) returning id into found;
  end if;
  return found;
end
$$;

create function authentication_log_way(outcome text, reason text, via text, resource_server text, user_agent text,
  method text) returns integer
language plpgsql volatile as $$
declare
  wanted bigint := hash_record_extended(row($1, $2, $3, $4, $5, $6), 0);
  found integer;
begin
  select w.id into found from authentication_log_ways w
  where w.hash = wanted and w.made_at > now() - interval '1 day' and row(w.outcome, w.reason, w.via, w.resource_server,
    w.user_agent, w.method) is not distinct from row($1, $2, $3, $4, $5, $6) limit 1;
  if found is null then
    insert into authentication_log_ways (hash, outcome, reason, via, resource_server, user_agent, method)
      values (wanted, $1, $2, $3, $4, $5, $6) returning id into found;
  end if;
  return found;
end
$$;

-- What one statement has logged, until it is packed: use by use the same place in each array. A null array: of nulls only.
create table authentication_log_batches (
  id bigint not null default nextval('authentication_log_ids'),
  at timestamptz not null default now(),
  uses smallint not null check (uses between 1 and 1024),
  holder integer[] not null,
  way integer[] not null,
  credential text[],
  ip text[],
  path text[]
);
-- Compressed where they are: in the table's own pages, not in a second table with an index of its own.
alter table authentication_log_batches alter holder set storage main, alter way set storage main,
  alter credential set storage main, alter ip set storage main, alter path set storage main;
alter table authentication_log_batches set (toast_tuple_target = 128, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000);
create index authentication_log_batches_at on authentication_log_batches (at);

-- Uses of one day (UTC), oldest first: the first seven arrays have an element for each. A use's run is the statement that
-- logged it: its time, and what added to the use's place is its id. The other numbers are places in the arrays of texts
-- below; 0: null.
create table authentication_log_segments (
  id bigint generated always as identity,
  first_at timestamptz not null,
  last_at timestamptz not null,
  uses integer not null,
  run smallint[] not null,
  holder smallint[] not null,
  way smallint[] not null,
  credential smallint[] not null,
  ip smallint[] not null,
  path smallint[] not null,
  run_base bigint[] not null,
  run_at timestamptz[] not null,
  holder_credential_id text[] not null,
  holder_credential_kind text[] not null,
  holder_credential_name text[] not null,
  holder_user_id text[] not null,
  holder_user_email text[] not null,
  holder_organization_id text[] not null,
  holder_client_id text[] not null,
  way_outcome text[] not null,
  way_reason text[] not null,
  way_via text[] not null,
  way_resource_server text[] not null,
  way_user_agent text[] not null,
  way_method text[] not null,
  credentials text[],
  ips text[],
  paths text[]
) partition by range (last_at);
create table authentication_log_segments_default partition of authentication_log_segments default;
create index authentication_log_segments_id on authentication_log_segments (id);
create index authentication_log_segments_last on authentication_log_segments (last_at, id);
-- Those that are to be joined.
create index authentication_log_segments_small on authentication_log_segments (last_at, id) where uses < 8192;

-- In which segments a subject's uses are, and when the last of them was there. A subject is the hash of an organization, a
-- person in an organization (both ids in one text; without an organization the person's alone) or an API key, each with an
-- outcome: a rare refusal among millions of accepted uses is found as quickly as any other.
create table authentication_log_subjects (
  subject bigint not null,
  last_at timestamptz not null,
  segment bigint not null
) partition by range (last_at);
create table authentication_log_subjects_default partition of authentication_log_subjects default;
create index authentication_log_subjects_subject on authentication_log_subjects (subject, last_at, segment);

-- The entries that are not packed yet, of a time.
create function authentication_log_recent(since timestamptz, until timestamptz)
  returns table (id bigint, occurred_at timestamptz, outcome text, reason text, credential_id text, credential_kind text,
    credential_name text, via text, user_id text, user_email text, organization_id text, client_id text,
    resource_server text, ip text, user_agent text, method text, path text)
language sql stable as $$
  select b.id + u.n - 1, b.at, w.outcome, w.reason, coalesce(h.credential_id, u.credential), h.credential_kind,
    h.credential_name, w.via, h.user_id, h.user_email, h.organization_id, h.client_id, w.resource_server, u.ip,
    w.user_agent, w.method, u.path
  from authentication_log_batches b
  cross join lateral unnest(b.holder, b.way, b.credential, b.ip, b.path)
    with ordinality as u (holder, way, credential, ip, path, n)
  join authentication_log_holders h on h.id = u.holder
  join authentication_log_ways w on w.id = u.way
  where b.at >= since and b.at < until
$$;

-- Those that are packed.
create function authentication_log_packed(since timestamptz, until timestamptz)
  returns table (id bigint, occurred_at timestamptz, outcome text, reason text, credential_id text, credential_kind text,
    credential_name text, via text, user_id text, user_email text, organization_id text, client_id text,
    resource_server text, ip text, user_agent text, method text, path text)
language sql stable as $$
  select r.base + u.n, r.at, w.outcome, w.reason, coalesce(h.credential_id, c.text), h.credential_kind,
    h.credential_name, w.via, h.user_id, h.user_email, h.organization_id, h.client_id, w.resource_server, i.text,
    w.user_agent, w.method, p.text
  from authentication_log_segments s
  cross join lateral unnest(s.run, s.holder, s.way, s.credential, s.ip, s.path)
    with ordinality as u (run, holder, way, credential, ip, path, n)
  join lateral unnest(s.run_base, s.run_at) with ordinality as r (base, at, n) on r.n = u.run
  join lateral unnest(s.holder_credential_id, s.holder_credential_kind, s.holder_credential_name, s.holder_user_id,
    s.holder_user_email, s.holder_organization_id, s.holder_client_id) with ordinality
    as h (credential_id, credential_kind, credential_name, user_id, user_email, organization_id, client_id, n)
    on h.n = u.holder
  join lateral unnest(s.way_outcome, s.way_reason, s.way_via, s.way_resource_server, s.way_user_agent, s.way_method)
    with ordinality as w (outcome, reason, via, resource_server, user_agent, method, n) on w.n = u.way
  left join lateral unnest(s.credentials) with ordinality as c (text, n) on c.n = u.credential
  left join lateral unnest(s.ips) with ordinality as i (text, n) on i.n = u.ip
  left join lateral unnest(s.paths) with ordinality as p (text, n) on p.n = u.path
  where s.last_at >= since and s.first_at < until and r.at >= since and r.at < until
$$;

-- For operators: entries of a time, by whatever else.
create function authentication_log_between(since timestamptz, until timestamptz)
  returns table (id bigint, occurred_at timestamptz, outcome text, reason text, credential_id text, credential_kind text,
    credential_name text, via text, user_id text, user_email text, organization_id text, client_id text,
    resource_server text, ip text, user_agent text, method text, path text)
language sql stable as $$
  select * from authentication_log_recent(since, until) union all select * from authentication_log_packed(since, until)
$$;

create view authentication_log as select * from authentication_log_between('-infinity', 'infinity');

-- Nodes of the version before, which run on until they are replaced, and whoever brings entries along, insert here.
create function authentication_log_insert() returns trigger
language plpgsql as $$
begin
  insert into authentication_log_batches (at, uses, holder, way, credential, ip, path)
  select coalesce(new.occurred_at, now()), 1,
    array[authentication_log_holder(case when again then new.credential_id end, new.credential_kind, new.credential_name,
      new.user_id, new.user_email, new.organization_id, new.client_id)],
    array[authentication_log_way(new.outcome, new.reason, new.via, new.resource_server, new.user_agent, new.method)],
    case when not again then array[new.credential_id] end, array[new.ip], array[new.path]
  from (select new.credential_kind in ('api_key', 'client_secret', 'connection') as again) as kind;
  return new;
end
$$;
create trigger authentication_log_insert instead of insert on authentication_log
  for each row execute function authentication_log_insert();

-- What there is becomes segments, oldest first, as `credentials/log` packs.
do $$
declare
  start timestamptz := '-infinity';
  last_id bigint := 0;
  day_end timestamptz;
  made record;
begin
  perform set_config('enable_nestloop', 'off', true), set_config('enable_hashjoin', 'on', true),
    set_config('enable_sort', 'on', true), set_config('jit', 'off', true);
  loop
    select date_trunc('day', occurred_at, 'UTC') + interval '24 hours' into day_end from authentication_log_rows
    where occurred_at >= start and (occurred_at, id) > (start, last_id) order by occurred_at, id limit 1;
    exit when day_end is null;
    with chunk as materialized (
      select *, hash_record_extended(row(again, credential_kind, credential_name, user_id, user_email, organization_id,
          client_id), 0) as holder_key,
        hash_record_extended(row(outcome, reason, via, resource_server, user_agent, method), 0) as way_key
      from (
        select *, case when credential_kind in ('api_key', 'client_secret', 'connection') then credential_id end as again
        from authentication_log_rows
        where occurred_at >= start and (occurred_at, id) > (start, last_id) and occurred_at < day_end
        order by occurred_at, id limit 16384) as rows
    ), uses as materialized (
      select id, occurred_at as at, holder_key, way_key, case when again is null then credential_id end as credential, ip,
        path, row_number() over (order by occurred_at, id)::int as place
      from chunk
    ), runs as materialized (
      select at, base, row_number() over (order by at, base) as number from (
        select at, id - place as base from uses group by 1, 2) as runs
    ), holders as materialized (
      select *, row_number() over () as number from (select distinct on (holder_key) holder_key as key,
        again as credential_id, credential_kind, credential_name, user_id, user_email, organization_id, client_id
        from chunk order by holder_key) as holders
    ), ways as materialized (
      select *, row_number() over () as number from (select distinct on (way_key) way_key as key,
        outcome, reason, via, resource_server, user_agent, method
        from chunk order by way_key) as ways
    ), credentials as materialized (
      select text, row_number() over (order by text) as number from (
        select distinct credential as text from uses where credential is not null) as texts
    ), ips as materialized (
      select text, row_number() over (order by text) as number from (
        select distinct ip as text from uses where ip is not null) as texts
    ), paths as materialized (
      select text, row_number() over (order by text) as number from (
        select distinct path as text from uses where path is not null) as texts
    ), placed as (
      select runs.number as run, holders.number as holder, ways.number as way,
        coalesce(credentials.number, 0) as credential, coalesce(ips.number, 0) as ip, coalesce(paths.number, 0) as path
      from uses join runs on runs.at = uses.at and runs.base = uses.id - uses.place
      join holders on holders.key = holder_key join ways on ways.key = way_key
      left join credentials on credentials.text = credential left join ips on ips.text = ip
      left join paths on paths.text = path
      order by place
    )
    insert into authentication_log_segments (first_at, last_at, uses, run, holder, way, credential, ip, path, run_base,
      run_at, holder_credential_id, holder_credential_kind, holder_credential_name, holder_user_id, holder_user_email,
      holder_organization_id, holder_client_id, way_outcome, way_reason, way_via, way_resource_server, way_user_agent,
      way_method, credentials, ips, paths)
    select * from
      (select min(at), max(at), count(*) from uses) as whole,
      (select array_agg(run::int2), array_agg(holder::int2), array_agg(way::int2), array_agg(credential::int2),
        array_agg(ip::int2), array_agg(path::int2) from placed) as numbers,
      (select array_agg(base order by number), array_agg(at order by number) from runs) as run,
      (select array_agg(credential_id order by number), array_agg(credential_kind order by number),
        array_agg(credential_name order by number), array_agg(user_id order by number), array_agg(user_email order by number),
        array_agg(organization_id order by number), array_agg(client_id order by number) from holders) as holder,
      (select array_agg(outcome order by number), array_agg(reason order by number), array_agg(via order by number),
        array_agg(resource_server order by number), array_agg(user_agent order by number), array_agg(method order by number)
        from ways) as way,
      (select array_agg(text order by number) from credentials) as credentials,
      (select array_agg(text order by number) from ips) as ips,
      (select array_agg(text order by number) from paths) as paths
    returning id, last_at, run_base[cardinality(run_base)] + uses as last_id into made;
    insert into authentication_log_subjects (subject, last_at, segment)
    select hashtextextended(subject || outcome, 0), max(occurred_at), made.id
    from authentication_log_rows, lateral (values (organization_id), (user_id || coalesce(organization_id, '')),
      (case when credential_kind = 'api_key' then credential_id end)) as subjects (subject)
    where occurred_at >= start and (occurred_at, id) > (start, last_id)
      and occurred_at <= made.last_at and (occurred_at, id) <= (made.last_at, made.last_id) and subject is not null
    group by 1;
    start := made.last_at;
    last_id := made.last_id;
  end loop;
end
$$;

-- What had not been counted or noted yet.
insert into authentication_log_days (subject, day, kind, outcome, uses)
select subject, (occurred_at at time zone 'UTC')::date, credential_kind, outcome, count(*)
from authentication_log_rows, lateral (values (organization_id), (user_id || coalesce(organization_id, '')),
  (case when credential_kind = 'api_key' then credential_id end)) as subjects (subject)
where occurred_at >= (select until from authentication_log_counted) and subject is not null group by 1, 2, 3, 4
on conflict (subject, day, kind, outcome) do update set uses = authentication_log_days.uses + excluded.uses;

insert into client_uses (client_id, last_used_at)
select clients.client_id, used.at from (
  select by.client_id, max(occurred_at) as at from authentication_log_rows,
  lateral (values (case when outcome = 'accepted' then client_id end), (resource_server)) as by (client_id)
  where occurred_at >= (select until - interval '15 seconds' from client_uses_seen) and by.client_id is not null group by 1
) as used join clients on clients.client_id = used.client_id and used.at >= clients.created_at
on conflict (client_id) do update set last_used_at = excluded.last_used_at
  where client_uses.last_used_at < excluded.last_used_at;

-- For retention alone: readers find days by their subject, and shall not be tempted to read all of a month.
drop index authentication_log_days_day;
create index authentication_log_days_day on authentication_log_days using brin (day);

drop table authentication_log_rows;
drop table authentication_log_counted;
drop table client_uses_seen;
