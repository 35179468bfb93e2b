-- An API key that was rotated works on for a while beside its successor, which has its name.
alter table credentials add column superseded_by text;

drop index api_keys_name_unique;
create unique index api_keys_name_unique on credentials (organization_id, user_id, lower(name))
  where kind = 'api_key' and superseded_by is null;
