-- A browser's sign-in, as its owner sees and ends it. The session itself is oidc-provider's (protocol state); one whose
-- row has ended is dead on every node, wherever it is kept.
create table sessions (
  uid text primary key,
  user_id text not null references users on delete cascade,
  ip text,
  user_agent text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  ended_at timestamptz
);
create index sessions_user on sessions (user_id, last_used_at desc);

-- A link that was mailed: stored by its hash, for one hour and one use, dead after a newer one for the same purpose.
create table mail_links (
  hash bytea primary key,
  purpose text not null check (purpose in ('verify_email', 'reset_password', 'change_email', 'sign_up', 'invitation')),
  email text not null,                      -- the mailbox that it was sent to
  user_id text references users on delete cascade,
  organization_id text references organizations on delete cascade,
  payload jsonb not null default '{}',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index mail_links_email on mail_links (lower(email), purpose);
create index mail_links_expiry on mail_links (expires_at);

-- Somebody asked into an organization who has not accepted yet.
create table invitations (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  email text not null,
  admin boolean not null default false,
  team_ids jsonb not null default '[]',
  invited_by text references users on delete set null,
  created_at timestamptz not null default now(),
  accepted_at timestamptz,
  withdrawn_at timestamptz
);
create unique index invitations_open on invitations (organization_id, lower(email))
  where accepted_at is null and withdrawn_at is null;
