-- Requests that came with an Idempotency-Key, and what was answered, for those that are sent again.
create table idempotent_requests (
  key_hash bytea primary key,
  request_hash bytea not null,
  expires_at timestamptz not null
);
create index idempotent_requests_expiry on idempotent_requests (expires_at);

-- Apart, for what holds a secret is forgotten long before the request is.
create table idempotent_answers (
  key_hash bytea primary key references idempotent_requests (key_hash) on delete cascade,
  answer bytea not null,
  expires_at timestamptz not null
);
create index idempotent_answers_expiry on idempotent_answers (expires_at);
