-- oidc-provider's short-lived records (session, interaction, code, pushed request, device code) where no Redis keeps
-- them. The id is hashed before it becomes a key and is not in the payload.
create table protocol_state (
  model text not null,
  id_hash bytea not null,
  uid text,
  user_code_hash bytea,
  payload jsonb not null,
  expires_at timestamptz not null,
  primary key (model, id_hash)
);
create unique index protocol_state_uid on protocol_state (model, uid) where uid is not null;
create unique index protocol_state_user_code on protocol_state (user_code_hash) where user_code_hash is not null;
create index protocol_state_expiry on protocol_state (expires_at);

-- One row for each thing that may happen once (a code redeemed, a client assertion used): the insert that succeeds is
-- the winner, on every node, also when the record itself lives in Redis.
create table single_uses (
  hash bytea primary key,
  expires_at timestamptz not null
);
create index single_uses_expiry on single_uses (expires_at);

-- JWK signing keys, encrypted. next: published, not yet used; current: signs; retired: only verifies.
create table signing_keys (
  kid text primary key,
  alg text not null,
  status text not null check (status in ('next', 'current', 'retired')),
  private_jwk bytea not null,
  created_at timestamptz not null default now(),
  status_since timestamptz not null default now()
);
create unique index signing_keys_current on signing_keys (alg) where status = 'current';
create unique index signing_keys_next on signing_keys (alg) where status = 'next';
