-- What a setup file made or took over, under the name that it has in the file. A file changes nothing else; and it finds a
-- person again whose address has changed since. `declared` is what the file said last of a member's teams and a person's
-- name, so that what people changed is told from what the file changed.
create table setup_objects (
  kind text not null check (kind in ('user', 'organization', 'team', 'membership', 'client', 'connection')),
  name text not null,
  object_id text not null,
  declared jsonb not null default '{}',
  primary key (kind, name)
);

-- Of what is there, the audit log tells what a setup made: an object that is not younger than an entry that names it.
insert into setup_objects (kind, name, object_id)
select 'organization', o.slug, o.id from organizations o
where exists (
  select from audit_log a
  where a.actor like 'setup:%' and a.subject = 'organization ' || o.slug and a.occurred_at >= o.created_at);

insert into setup_objects (kind, name, object_id)
select 'client', c.client_id, c.client_id from clients c
where exists (
  select from audit_log a
  where a.actor like 'setup:%' and a.subject in ('client ' || c.client_id, 'resource server ' || c.client_id)
    and a.occurred_at >= c.created_at);

insert into setup_objects (kind, name, object_id)
select 'connection', coalesce(o.slug || '/', '') || c.name, c.id
from connections c left join organizations o on o.id = c.organization_id
where exists (
  select from audit_log a
  where a.actor like 'setup:%' and a.subject = 'connection ' || coalesce(o.slug || '/', '') || c.name
    and a.occurred_at >= c.created_at);

insert into setup_objects (kind, name, object_id)
select 'team', o.slug || '/' || lower(t.name), t.id
from teams t join organizations o on o.id = t.organization_id
where exists (
  select from audit_log a
  where a.actor like 'setup:%' and lower(a.subject) = 'team ' || o.slug || '/' || lower(t.name)
    and a.occurred_at >= t.created_at);

-- A person may have another address by now than the file says; where two have had it, it is whose it is.
insert into setup_objects (kind, name, object_id)
select distinct on (lower(substr(a.subject, 6))) 'user', lower(substr(a.subject, 6)), u.id
from audit_log a join users u on a.occurred_at >= u.created_at and (
  lower(u.email) = lower(substr(a.subject, 6))
  or exists (
    select from audit_log c
    where c.action = 'user.email_changed' and c.actor = u.id
      and lower(c.before ->> 'email') = lower(substr(a.subject, 6))))
where a.actor like 'setup:%' and a.subject like 'user %'
order by lower(substr(a.subject, 6)), lower(u.email) = lower(substr(a.subject, 6)) desc, u.created_at;

insert into setup_objects (kind, name, object_id, declared)
select 'membership', o.slug || '/' || coalesce(s.name, lower(u.email)), m.id, jsonb_build_object('teams', coalesce((
    select jsonb_agg(t.id) from teams t
    where t.organization_id = o.id and lower(t.name) in (select lower(jsonb_array_elements_text(said.teams)))), '[]'))
from memberships m
join organizations o on o.id = m.organization_id
join users u on u.id = m.user_id
left join setup_objects s on s.kind = 'user' and s.object_id = u.id
cross join lateral (
  select (array_agg(a.after -> 'teams' order by a.id desc) filter (where a.after ? 'teams'))[1] as teams, count(*) as entries
  from audit_log a
  where a.actor like 'setup:%' and a.occurred_at >= m.created_at and lower(a.subject) in (
    'member ' || o.slug || '/' || lower(u.email), 'member ' || o.slug || '/' || s.name)) said
where said.entries > 0
on conflict do nothing;
