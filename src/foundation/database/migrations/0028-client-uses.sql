-- When each client was last used: it or a token of its was accepted, or it introspected. An index by client on the
-- authentication log would be paid by every use of every credential, and the log forgets; so a job reads what is new in
-- the log by time, and keeps one row for each client.
create table client_uses (
  client_id text primary key references clients on delete cascade,
  last_used_at timestamptz not null
);

create table client_uses_seen (
  only_row boolean primary key default true check (only_row),
  until timestamptz not null
);
insert into client_uses_seen (until) select coalesce(min(occurred_at), now()) from authentication_log;
