-- What one authorization gave: a user's consent to a client, in one organization (oidc-provider's Grant). Everything
-- issued under it is dead once revoked_at is set.
create table oauth_grants (
  id text primary key,
  client_id text not null references clients on delete cascade,
  user_id text not null references users on delete cascade,
  organization_id text not null references organizations on delete cascade,
  session_uid text,                         -- the session that gave it; signing out ends it
  payload jsonb not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index oauth_grants_session on oauth_grants (session_uid, client_id);
create index oauth_grants_user on oauth_grants (user_id);
create index oauth_grants_expiry on oauth_grants (expires_at);

-- Every credential that can be introspected is one row, found by one column: the SHA-256 of what is presented, or of
-- a JWT's jti. A revoked or spent row stays until it expires, so that the log can say why it was refused.
create table credentials (
  hash bytea primary key,
  format text not null check (format in ('opaque', 'jwt')),
  kind text not null check (kind in ('access_token', 'refresh_token', 'api_key')),
  id text not null,                         -- public identifier: the jti of answers and of the log
  name text,
  grant_id text references oauth_grants on delete cascade,
  client_id text references clients on delete cascade,
  user_id text references users on delete cascade,
  organization_id text references organizations on delete cascade,
  scope text not null default '',
  audience text,
  permissions json,                         -- narrowing chosen at creation; null: everything its owner has
  data_scopes json,
  payload jsonb,                            -- oidc-provider's own fields
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  spent_at timestamptz,                     -- a refresh token that was rotated
  revoked_at timestamptz
);
create index credentials_grant on credentials (grant_id);
create index credentials_expiry on credentials (expires_at);

-- The answer to a token request, kept for 10 s for the identical request (a retry, a proxy's replay).
create table token_answers (
  request_hash bytea primary key,
  answer bytea not null,                    -- encrypted
  expires_at timestamptz not null
);
create index token_answers_expiry on token_answers (expires_at);
