-- A person, known by one e-mail address in every organization.
create table users (
  id text primary key,
  email text not null,
  email_verified_at timestamptz,
  name text not null,
  password_hash text,                       -- argon2id, PHC string
  superadmin boolean not null default false,
  deactivated_at timestamptz,
  created_at timestamptz not null default now()
);
create unique index users_email_unique on users (lower(email));

create table organizations (
  id text primary key,
  slug text not null constraint organizations_slug_unique unique
    constraint organizations_slug_form check (slug ~ '^[a-z0-9-]{2,63}$'),
  name text not null,
  logo_url text,
  accent_color text constraint organizations_accent_color_form check (accent_color ~ '^#[0-9a-f]{6}$'),
  suspended_at timestamptz,
  created_at timestamptz not null default now()
);

-- A verified domain steers its addresses to the organization's connections; one organization owns it.
create table organization_domains (
  domain text primary key,
  organization_id text not null references organizations on delete cascade,
  verified_at timestamptz
);
create index organization_domains_organization on organization_domains (organization_id);

-- What somebody may do and see is granted to a membership directly and through its teams. `effective_*` is the
-- union of both, rewritten by the transaction that changes either, so that reading it costs the same with one team
-- or fifty. It is json, not jsonb: introspection passes the text on unparsed.
create table memberships (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  user_id text not null references users on delete cascade,
  admin boolean not null default false,
  permissions jsonb not null default '[]',
  data_scopes jsonb not null default '[]',
  effective_permissions json not null default '[]',
  effective_data_scopes json not null default '[]',
  deactivated_at timestamptz,
  created_at timestamptz not null default now(),
  constraint memberships_user_unique unique (organization_id, user_id)
);
create index memberships_user on memberships (user_id);

create table teams (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  permissions jsonb not null default '[]',
  data_scopes jsonb not null default '[]',
  created_at timestamptz not null default now()
);
create unique index teams_name_unique on teams (organization_id, lower(name));

create table team_members (
  team_id text not null references teams on delete cascade,
  membership_id text not null references memberships on delete cascade,
  primary key (team_id, membership_id)
);
create index team_members_membership on team_members (membership_id);

-- The catalogue of permissions that may be granted.
create table permissions (
  name text primary key,
  description text not null default ''
);
