-- OAuth clients (RFC 7591 names in metadata). A resource server is a client that may introspect; a service account
-- is a client that acts for itself in one organization, with grants of its own.
create table clients (
  client_id text primary key,
  client_name text not null,
  secret_hash bytea,                        -- SHA-256: client secrets have high entropy
  metadata jsonb not null default '{}',     -- redirect_uris, grant_types, token_endpoint_auth_method, …
  first_party boolean not null default false,
  resource_server boolean not null default false,
  resource text constraint clients_resource_unique unique,   -- RFC 8707 identifier
  access_token_format text not null default 'opaque' check (access_token_format in ('opaque', 'jwt')),
  organization_id text references organizations on delete cascade,
  permissions json not null default '[]',
  data_scopes json not null default '[]',
  revision text not null,                   -- changes with every edit: whoever remembers a client compares it
  deactivated_at timestamptz,
  created_at timestamptz not null default now()
);
create index clients_organization on clients (organization_id);
