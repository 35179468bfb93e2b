-- Each organization's entries are a chain, those of none another one: an entry's hash covers what it says, its number and
-- the hash before it. Where a chain ends is kept apart, so that entries missing at the end are missed too.
alter table audit_log add column seq bigint, add column hash bytea;

create table audit_heads (
  chain text primary key,                   -- an organization's id; '': the deployment's
  seq bigint not null,                      -- of the last entry
  hash bytea not null
);

create unique index audit_log_chain on audit_log (coalesce(organization_id, ''), seq);
create index audit_log_unlinked on audit_log (id) where seq is null;

-- In one form whatever the settings of the session: jsonb writes it, and the time is a number.
create function audit_entry_hash(previous bytea, entry audit_log) returns bytea language sql stable as $$
  select sha256(previous || convert_to(jsonb_build_array(
    entry.seq, entry.id, extract(epoch from entry.occurred_at), entry.organization_id,
    entry.actor_kind, entry.actor_id, entry.actor_name, entry.owner_id, entry.owner_name, entry.via,
    entry.action, entry.subject_kind, entry.subject_id, entry.subject_name, entry.before, entry.after,
    entry.ip, entry.request_id)::text, 'UTF8'))
$$;

-- Links what this transaction has written: nobody else's entry is seen without a number. Heads are locked in one order, and
-- after everything else that the transaction locks, so that no two wait for each other.
create function link_audit_entries() returns void language plpgsql as $$
declare
  entry audit_log;
  head audit_heads;
begin
  for entry in select * from audit_log where seq is null order by coalesce(organization_id, '') collate "C", id loop
    if head.chain is distinct from coalesce(entry.organization_id, '') then
      update audit_heads set seq = head.seq, hash = head.hash where chain = head.chain;
      insert into audit_heads (chain, seq, hash) values (coalesce(entry.organization_id, ''), 0, '') on conflict do nothing;
      select * into head from audit_heads where chain = coalesce(entry.organization_id, '') for update;
    end if;
    entry.seq := head.seq + 1;
    head.hash := audit_entry_hash(head.hash, entry);
    head.seq := entry.seq;
    update audit_log set seq = entry.seq, hash = head.hash where id = entry.id;
  end loop;
  update audit_heads set seq = head.seq, hash = head.hash where chain = head.chain;
end
$$;

-- At the commit, once for all entries of a transaction: the first of them links the others.
create function link_audit_entries_once() returns trigger language plpgsql as $$
begin
  if exists (select from audit_log where id = new.id and seq is null) then
    perform link_audit_entries();
  end if;
  return null;
end
$$;

-- What is there is chained as it is.
select link_audit_entries();

create constraint trigger audit_log_link after insert on audit_log
  deferrable initially deferred for each row when (new.seq is null) execute function link_audit_entries_once();
