-- A client has several secrets while one takes over from another: each works until its own end.
create table client_secrets (
  id text primary key,
  client_id text not null references clients on delete cascade,
  hash bytea not null,                      -- SHA-256: client secrets have high entropy
  hint text,                                -- the last four characters; null: a person chose it, who may have chosen a short one
  created_at timestamptz not null default now(),
  expires_at timestamptz                    -- null: none was made after it
);
create index client_secrets_client on client_secrets (client_id, created_at);
create index client_secrets_expiry on client_secrets (expires_at);

insert into client_secrets (id, client_id, hash, created_at)
select 'sec_' || left(replace(gen_random_uuid()::text, '-', ''), 20), client_id, secret_hash, created_at
from clients where secret_hash is not null;

-- Until now only setup files gave secrets. What a file said last of one is kept: what was rotated since stays, until the
-- file says another.
update setup_objects o set declared = jsonb_build_object('secret', encode(c.secret_hash, 'hex'))
from clients c where o.kind = 'client' and o.object_id = c.client_id and c.secret_hash is not null;

alter table clients drop column secret_hash;
