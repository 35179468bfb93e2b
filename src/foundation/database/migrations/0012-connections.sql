-- An upstream identity provider, of one organization or of the whole deployment. Its name is part of its callback URL.
create table connections (
  id text primary key,
  name text not null constraint connections_name_unique unique,
  organization_id text references organizations on delete cascade,   -- null: for everybody
  type text not null check (type in ('oidc', 'google', 'github')),
  display_name text,                        -- on its button; null: made from type and name
  issuer text,                              -- of type oidc
  client_id text not null,
  client_secret bytea,                      -- encrypted; null: a public client
  jit boolean not null default false,       -- whether a first sign-in creates the account
  default_team_ids jsonb not null default '[]',   -- joined at the first sign-in
  group_claim text,
  group_team_ids jsonb not null default '{}',     -- group → team: joined and left at each sign-in
  required boolean not null default false,  -- refuses passwords in its organization
  sign_out boolean not null default false,  -- signing out of Gatehouse signs out there too
  enabled boolean not null default true,
  created_at timestamptz not null default now()
);
create index connections_organization on connections (organization_id);

-- Who an upstream subject is here. The issuer is a part of it: a connection that is pointed somewhere else brings nobody.
create table identities (
  id text primary key,
  connection_id text not null references connections on delete cascade,
  issuer text not null,
  subject text not null,
  user_id text not null references users on delete cascade,
  email text,                               -- as the upstream last told it
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  constraint identities_subject_unique unique (connection_id, issuer, subject)
);
create index identities_user on identities (user_id);
