-- Uses of what belongs to no owner, summed up by minute, network (IPv4 /24, IPv6 /64; null: not known), way of presenting,
-- reason and the resource server that asked: strangers send as much garbage as they like, and a few rows tell of it. They
-- are listed with the authentication log, so their ids are of its sequence.
create table unknown_uses (
  id bigint not null default nextval('authentication_log_id_seq'),
  minute timestamptz not null,
  network text,
  via text not null,
  reason text not null,
  resource_server text,
  count bigint not null
);
create unique index unknown_uses_sum on unknown_uses (minute, network, via, reason, resource_server) nulls not distinct;

-- An entry of the log stands for one use.
alter table authentication_log drop column count;
