-- A deleted key stays, unseen, until a week after it would have expired: whoever still uses it is in the log with its id,
-- name and owner. Its name is free at once.
alter table credentials add column deleted_at timestamptz;
drop index api_keys_name_unique;
create unique index api_keys_name_unique on credentials (organization_id, user_id, lower(name))
  where kind = 'api_key' and superseded_by is null and deleted_at is null;
drop index credentials_expiry;
create index credentials_expiry on credentials (expires_at) where kind <> 'api_key' or deleted_at is not null;
