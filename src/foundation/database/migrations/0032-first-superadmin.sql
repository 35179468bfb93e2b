-- The one link by which a deployment without users gets its first superadmin.
create table first_superadmin_link (
  only_row boolean primary key default true check (only_row),
  hash bytea not null,
  expires_at timestamptz not null
);
