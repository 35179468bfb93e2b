-- An API key is a row of `credentials` like any other, so introspection knows no second path. These columns are what its
-- owner sees of it; introspection reads none of them.
alter table credentials
  add column description text not null default '',
  add column hint text,                     -- prefix and last four characters: enough to recognise it by
  add column created_by text references users on delete set null,
  add column revoked_by text references users on delete set null,
  add column revocation text check (revocation in ('owner', 'admin', 'leaked')),
  add column expiry_reminded_at timestamptz;

create unique index api_keys_id on credentials (id) where kind = 'api_key';
create unique index api_keys_name_unique on credentials (organization_id, user_id, lower(name)) where kind = 'api_key';
create index api_keys_organization on credentials (organization_id, issued_at desc, id desc) where kind = 'api_key';
create index api_keys_expiry on credentials (expires_at) where kind = 'api_key' and expiry_reminded_at is null;
-- Without them the whole table would be read when a person is removed.
create index api_keys_user on credentials (user_id) where kind = 'api_key';
create index api_keys_created_by on credentials (created_by) where created_by is not null;
create index api_keys_revoked_by on credentials (revoked_by) where revoked_by is not null;

-- An expired key stays listed until somebody deletes it; only tokens are swept.
drop index credentials_expiry;
create index credentials_expiry on credentials (expires_at) where kind <> 'api_key';

-- Keys in a URL end up in histories and logs of proxies: an organization can refuse them.
alter table organizations add column allows_keys_in_query boolean not null default true;
