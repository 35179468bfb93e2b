-- One entry for every use of a credential, committed before the answer leaves. Partitioned by month: retention drops
-- partitions. It repeats names so that entries outlive what they name.
create table authentication_log (
  id bigint generated always as identity,
  occurred_at timestamptz not null default now(),
  outcome text not null check (outcome in ('accepted', 'refused')),
  reason text,
  credential_id text,
  credential_kind text not null,
  credential_name text,
  via text not null,
  user_id text,
  user_email text,
  organization_id text,
  client_id text,
  resource_server text,
  ip text,
  user_agent text,
  method text,
  path text
) partition by range (occurred_at);
create table authentication_log_default partition of authentication_log default;
create index authentication_log_time on authentication_log (occurred_at desc, id desc);

-- One entry for every administrative change.
create table audit_log (
  id bigint generated always as identity primary key,
  occurred_at timestamptz not null default now(),
  actor text not null,                      -- user id, or setup:<how>
  action text not null,                     -- subject.verb, as in team.updated
  subject text not null,
  organization_id text,
  before jsonb,
  after jsonb
);
create index audit_log_organization on audit_log (organization_id, id desc);
