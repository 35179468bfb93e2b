-- An entry tells who acted, by which door and from where, and on what, under the names of that moment.
alter table audit_log rename column actor to actor_name;
alter table audit_log rename column subject to subject_name;
alter table audit_log
  add column actor_kind text,
  add column actor_id text,
  add column owner_id text,                 -- of an API key that acted: whose it is
  add column owner_name text,
  add column via text not null default 'unknown',
  add column subject_kind text,
  add column subject_id text,
  add column ip text,
  add column request_id text;
alter table audit_log alter column via drop default;

-- Of what was written before: `setup:boot`, `connection:NAME`, `leak-report`, else a user's id.
update audit_log a set
  actor_kind = case
    when actor_name like 'setup:%' then 'setup_file'
    when actor_name like 'connection:%' then 'connection'
    when actor_name = 'leak-report' then 'leak_report'
    else 'user' end,
  actor_id = case when actor_name like 'setup:%' or actor_name like 'connection:%' or actor_name = 'leak-report' then null
    else actor_name end,
  actor_name = coalesce(
    (select email from users where id = actor_name),
    case when actor_name = 'leak-report' then 'leak report' end,
    regexp_replace(actor_name, '^(setup|connection):', '')),
  subject_kind = case when action like 'membership.%' then 'member' else split_part(action, '.', 1) end,
  subject_name = regexp_replace(subject_name,
    '^(api key|resource server|identity of|sessions? of|[a-z]+) ' || case when organization_id is null then '' else '([a-z0-9-]+/)?' end, ''),
  action = case action
    when 'membership.created' then 'member.added'
    when 'membership.deleted' then 'member.removed'
    else regexp_replace(action, '^membership\.', 'member.') end;

alter table audit_log
  alter column actor_kind set not null,
  alter column subject_kind set not null;
