create table audit_heads (
  chain text not null,
  seq bigint not null,
  hash bytea not null,
  constraint audit_heads_pkey PRIMARY KEY (chain)
);

create table audit_log (
  id bigint not null generated always as identity,
  occurred_at timestamp with time zone not null default now(),
  actor_name text not null,
  action text not null,
  subject_name text not null,
  organization_id text,
  before jsonb,
  after jsonb,
  actor_kind text not null,
  actor_id text,
  owner_id text,
  owner_name text,
  via text not null,
  subject_kind text not null,
  subject_id text,
  ip text,
  request_id text,
  seq bigint,
  hash bytea,
  constraint audit_log_link TRIGGER DEFERRABLE INITIALLY DEFERRED,
  constraint audit_log_pkey PRIMARY KEY (id)
);

create table authentication_log_batches (
  id bigint not null default nextval('authentication_log_ids'::regclass),
  at timestamp with time zone not null default now(),
  uses smallint not null,
  holder integer[] not null,
  way integer[] not null,
  credential text[],
  ip text[],
  path text[],
  constraint authentication_log_batches_uses_check CHECK (((uses >= 1) AND (uses <= 1024)))
);

create table authentication_log_days (
  subject text not null,
  day date not null,
  kind text not null,
  outcome text not null,
  uses bigint not null,
  constraint authentication_log_days_pkey PRIMARY KEY (subject, day, kind, outcome)
);

create table authentication_log_holders (
  id integer not null generated always as identity,
  made_at timestamp with time zone not null default now(),
  hash bigint not null,
  credential_id text,
  credential_kind text not null,
  credential_name text,
  user_id text,
  user_email text,
  organization_id text,
  client_id text,
  constraint authentication_log_holders_pkey PRIMARY KEY (id)
);

create table authentication_log_segments (
  id bigint not null generated always as identity,
  first_at timestamp with time zone not null,
  last_at timestamp with time zone not null,
  uses integer not null,
  run smallint[] not null,
  holder smallint[] not null,
  way smallint[] not null,
  credential smallint[] not null,
  ip smallint[] not null,
  path smallint[] not null,
  run_base bigint[] not null,
  run_at timestamp with time zone[] not null,
  holder_credential_id text[] not null,
  holder_credential_kind text[] not null,
  holder_credential_name text[] not null,
  holder_user_id text[] not null,
  holder_user_email text[] not null,
  holder_organization_id text[] not null,
  holder_client_id text[] not null,
  way_outcome text[] not null,
  way_reason text[] not null,
  way_via text[] not null,
  way_resource_server text[] not null,
  way_user_agent text[] not null,
  way_method text[] not null,
  credentials text[],
  ips text[],
  paths text[]
) partition by range (last_at);

create table authentication_log_subjects (
  subject bigint not null,
  last_at timestamp with time zone not null,
  segment bigint not null
) partition by range (last_at);

create table authentication_log_ways (
  id integer not null generated always as identity,
  made_at timestamp with time zone not null default now(),
  hash bigint not null,
  outcome text not null,
  reason text,
  via text not null,
  resource_server text,
  user_agent text,
  method text,
  constraint authentication_log_ways_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'refused'::text, 'denied'::text]))),
  constraint authentication_log_ways_pkey PRIMARY KEY (id)
);

create table client_secrets (
  id text not null,
  client_id text not null,
  hash bytea not null,
  hint text,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  constraint client_secrets_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients(client_id) ON DELETE CASCADE,
  constraint client_secrets_pkey PRIMARY KEY (id)
);

create table client_uses (
  client_id text not null,
  last_used_at timestamp with time zone not null,
  constraint client_uses_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients(client_id) ON DELETE CASCADE,
  constraint client_uses_pkey PRIMARY KEY (client_id)
);

create table clients (
  client_id text not null,
  client_name text not null,
  metadata jsonb not null default '{}'::jsonb,
  first_party boolean not null default false,
  resource_server boolean not null default false,
  resource text,
  access_token_format text not null default 'opaque'::text,
  organization_id text,
  permissions json not null default '[]'::json,
  data_scopes json not null default '[]'::json,
  revision text not null,
  deactivated_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  constraint clients_access_token_format_check CHECK ((access_token_format = ANY (ARRAY['opaque'::text, 'jwt'::text]))),
  constraint clients_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint clients_pkey PRIMARY KEY (client_id),
  constraint clients_resource_unique UNIQUE (resource)
);

create table connections (
  id text not null,
  name text not null,
  organization_id text,
  type text not null,
  display_name text,
  issuer text,
  client_id text not null,
  client_secret bytea,
  jit boolean not null default false,
  default_team_ids jsonb not null default '[]'::jsonb,
  group_claim text,
  group_team_ids jsonb not null default '{}'::jsonb,
  required boolean not null default false,
  sign_out boolean not null default false,
  enabled boolean not null default true,
  created_at timestamp with time zone not null default now(),
  handle text not null,
  constraint connections_handle_unique UNIQUE (handle),
  constraint connections_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint connections_pkey PRIMARY KEY (id),
  constraint connections_type_check CHECK ((type = ANY (ARRAY['oidc'::text, 'google'::text, 'github'::text])))
);

create table credentials (
  hash bytea not null,
  format text not null,
  kind text not null,
  id text not null,
  name text,
  grant_id text,
  client_id text,
  user_id text,
  organization_id text,
  scope text not null default ''::text,
  audience text,
  permissions json,
  data_scopes json,
  payload jsonb,
  issued_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  spent_at timestamp with time zone,
  revoked_at timestamp with time zone,
  description text not null default ''::text,
  hint text,
  created_by text,
  revoked_by text,
  revocation text,
  expiry_reminded_at timestamp with time zone,
  administration boolean not null default false,
  superseded_by text,
  deleted_at timestamp with time zone,
  constraint credentials_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE SET NULL,
  constraint credentials_format_check CHECK ((format = ANY (ARRAY['opaque'::text, 'jwt'::text]))),
  constraint credentials_kind_check CHECK ((kind = ANY (ARRAY['access_token'::text, 'refresh_token'::text, 'api_key'::text]))),
  constraint credentials_pkey PRIMARY KEY (hash),
  constraint credentials_revocation_check CHECK ((revocation = ANY (ARRAY['owner'::text, 'admin'::text, 'leaked'::text]))),
  constraint credentials_revoked_by_fkey FOREIGN KEY (revoked_by) REFERENCES users(id) ON DELETE SET NULL
);

create table first_superadmin_link (
  only_row boolean not null default true,
  hash bytea not null,
  expires_at timestamp with time zone not null,
  constraint first_superadmin_link_only_row_check CHECK (only_row),
  constraint first_superadmin_link_pkey PRIMARY KEY (only_row)
);

create table idempotent_answers (
  key_hash bytea not null,
  answer bytea not null,
  expires_at timestamp with time zone not null,
  constraint idempotent_answers_key_hash_fkey FOREIGN KEY (key_hash) REFERENCES idempotent_requests(key_hash) ON DELETE CASCADE,
  constraint idempotent_answers_pkey PRIMARY KEY (key_hash)
);

create table idempotent_requests (
  key_hash bytea not null,
  request_hash bytea not null,
  expires_at timestamp with time zone not null,
  constraint idempotent_requests_pkey PRIMARY KEY (key_hash)
);

create table identities (
  id text not null,
  connection_id text not null,
  issuer text not null,
  subject text not null,
  user_id text not null,
  email text,
  created_at timestamp with time zone not null default now(),
  last_used_at timestamp with time zone not null default now(),
  constraint identities_connection_id_fkey FOREIGN KEY (connection_id) REFERENCES connections(id) ON DELETE CASCADE,
  constraint identities_pkey PRIMARY KEY (id),
  constraint identities_subject_unique UNIQUE (connection_id, issuer, subject),
  constraint identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

create table invitations (
  id text not null,
  organization_id text not null,
  email text not null,
  admin boolean not null default false,
  team_ids jsonb not null default '[]'::jsonb,
  invited_by text,
  created_at timestamp with time zone not null default now(),
  accepted_at timestamp with time zone,
  withdrawn_at timestamp with time zone,
  constraint invitations_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES users(id) ON DELETE SET NULL,
  constraint invitations_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint invitations_pkey PRIMARY KEY (id)
);

create table job_leases (
  name text not null,
  holder text,
  leased_until timestamp with time zone not null,
  due_at timestamp with time zone not null,
  constraint job_leases_pkey PRIMARY KEY (name)
);

create table mail_links (
  hash bytea not null,
  purpose text not null,
  email text not null,
  user_id text,
  organization_id text,
  payload jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  constraint mail_links_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint mail_links_pkey PRIMARY KEY (hash),
  constraint mail_links_purpose_check CHECK ((purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text, 'change_email'::text, 'sign_up'::text, 'invitation'::text, 'prove_account'::text]))),
  constraint mail_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

create table mail_outbox (
  id uuid not null,
  template text not null,
  recipient_hash bytea not null,
  content bytea,
  attempts integer not null default 0,
  next_attempt_at timestamp with time zone not null default now(),
  claimed_until timestamp with time zone,
  last_error text,
  created_at timestamp with time zone not null default now(),
  delivered_at timestamp with time zone,
  given_up_at timestamp with time zone,
  constraint mail_outbox_pkey PRIMARY KEY (id)
);

create table memberships (
  id text not null,
  organization_id text not null,
  user_id text not null,
  admin boolean not null default false,
  permissions jsonb not null default '[]'::jsonb,
  data_scopes jsonb not null default '[]'::jsonb,
  effective_permissions json not null default '[]'::json,
  effective_data_scopes json not null default '[]'::json,
  deactivated_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  user_email text not null,
  user_superadmin boolean not null,
  user_deactivated boolean not null,
  organization_slug text not null,
  organization_suspended boolean not null,
  allows_keys_in_query boolean not null,
  constraint memberships_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint memberships_pkey PRIMARY KEY (id),
  constraint memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
  constraint memberships_user_unique UNIQUE (organization_id, user_id)
);

create table migrations (
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default now(),
  constraint migrations_pkey PRIMARY KEY (name)
);

create table oauth_grants (
  id text not null,
  client_id text not null,
  user_id text not null,
  organization_id text not null,
  session_uid text,
  payload jsonb not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  revoked_at timestamp with time zone,
  constraint oauth_grants_client_id_fkey FOREIGN KEY (client_id) REFERENCES clients(client_id) ON DELETE CASCADE,
  constraint oauth_grants_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint oauth_grants_pkey PRIMARY KEY (id),
  constraint oauth_grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

create table organization_domains (
  domain text not null,
  organization_id text not null,
  verified_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  constraint organization_domains_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint organization_domains_pkey PRIMARY KEY (domain, organization_id)
);

create table organizations (
  id text not null,
  slug text not null,
  name text not null,
  logo_url text,
  accent_color text,
  suspended_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  allows_keys_in_query boolean not null default true,
  join_by_domain boolean not null default false,
  name_skeletons text[] not null default '{}'::text[],
  default_locale text,
  constraint organizations_accent_color_form CHECK ((accent_color ~ '^#[0-9a-f]{6}$'::text)),
  constraint organizations_pkey PRIMARY KEY (id),
  constraint organizations_slug_form CHECK ((slug ~ '^[a-z0-9-]{2,63}$'::text)),
  constraint organizations_slug_unique UNIQUE (slug)
);

create table permissions (
  name text not null,
  description text not null default ''::text,
  created_at timestamp with time zone not null default now(),
  constraint permissions_pkey PRIMARY KEY (name)
);

create table protocol_state (
  model text not null,
  id_hash bytea not null,
  uid text,
  user_code_hash bytea,
  payload jsonb not null,
  expires_at timestamp with time zone not null,
  constraint protocol_state_pkey PRIMARY KEY (model, id_hash)
);

create table rate_limits (
  key character varying(255) not null,
  points integer not null default 0,
  expire bigint,
  constraint rate_limits_pkey PRIMARY KEY (key)
);

create table sessions (
  uid text not null,
  user_id text not null,
  ip text,
  user_agent text,
  created_at timestamp with time zone not null default now(),
  last_used_at timestamp with time zone not null default now(),
  ended_at timestamp with time zone,
  constraint sessions_pkey PRIMARY KEY (uid),
  constraint sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);

create table setup_objects (
  kind text not null,
  name text not null,
  object_id text not null,
  declared jsonb not null default '{}'::jsonb,
  constraint setup_objects_kind_check CHECK ((kind = ANY (ARRAY['user'::text, 'organization'::text, 'team'::text, 'membership'::text, 'client'::text, 'connection'::text]))),
  constraint setup_objects_pkey PRIMARY KEY (kind, name)
);

create table signing_keys (
  kid text not null,
  alg text not null,
  status text not null,
  private_jwk bytea not null,
  created_at timestamp with time zone not null default now(),
  status_since timestamp with time zone not null default now(),
  constraint signing_keys_pkey PRIMARY KEY (kid),
  constraint signing_keys_status_check CHECK ((status = ANY (ARRAY['next'::text, 'current'::text, 'retired'::text])))
);

create table single_uses (
  hash bytea not null,
  expires_at timestamp with time zone not null,
  constraint single_uses_pkey PRIMARY KEY (hash)
);

create table team_members (
  team_id text not null,
  membership_id text not null,
  created_at timestamp with time zone not null default now(),
  constraint team_members_membership_id_fkey FOREIGN KEY (membership_id) REFERENCES memberships(id) ON DELETE CASCADE,
  constraint team_members_pkey PRIMARY KEY (team_id, membership_id),
  constraint team_members_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE
);

create table teams (
  id text not null,
  organization_id text not null,
  name text not null,
  permissions jsonb not null default '[]'::jsonb,
  data_scopes jsonb not null default '[]'::jsonb,
  created_at timestamp with time zone not null default now(),
  constraint teams_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint teams_pkey PRIMARY KEY (id)
);

create table token_answers (
  request_hash bytea not null,
  answer bytea not null,
  expires_at timestamp with time zone not null,
  constraint token_answers_pkey PRIMARY KEY (request_hash)
);

create table unknown_uses (
  id bigint not null default nextval('authentication_log_ids'::regclass),
  minute timestamp with time zone not null,
  network text,
  via text not null,
  reason text not null,
  resource_server text,
  count bigint not null
);

create table users (
  id text not null,
  email text not null,
  email_verified_at timestamp with time zone,
  name text not null,
  password_hash text,
  superadmin boolean not null default false,
  deactivated_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  password_changed_at timestamp with time zone,
  constraint users_pkey PRIMARY KEY (id)
);

CREATE INDEX api_keys_created_by ON public.credentials USING btree (created_by) WHERE (created_by IS NOT NULL);

CREATE INDEX api_keys_expiry ON public.credentials USING btree (expires_at) WHERE ((kind = 'api_key'::text) AND (expiry_reminded_at IS NULL));

CREATE UNIQUE INDEX api_keys_id ON public.credentials USING btree (id) WHERE (kind = 'api_key'::text);

CREATE UNIQUE INDEX api_keys_name_unique ON public.credentials USING btree (organization_id, user_id, lower(name)) WHERE ((kind = 'api_key'::text) AND (superseded_by IS NULL) AND (deleted_at IS NULL));

CREATE INDEX api_keys_organization ON public.credentials USING btree (organization_id, issued_at DESC, id DESC) WHERE (kind = 'api_key'::text);

CREATE INDEX api_keys_revoked_by ON public.credentials USING btree (revoked_by) WHERE (revoked_by IS NOT NULL);

CREATE INDEX api_keys_user ON public.credentials USING btree (user_id) WHERE (kind = 'api_key'::text);

CREATE INDEX audit_log_action ON public.audit_log USING btree (action, occurred_at DESC, id DESC);

CREATE INDEX audit_log_action_in ON public.audit_log USING btree (organization_id, action, occurred_at DESC, id DESC);

CREATE INDEX audit_log_actor ON public.audit_log USING btree (COALESCE(actor_id, actor_kind), occurred_at DESC, id DESC);

CREATE INDEX audit_log_actor_in ON public.audit_log USING btree (organization_id, COALESCE(actor_id, actor_kind), occurred_at DESC, id DESC);

CREATE UNIQUE INDEX audit_log_chain ON public.audit_log USING btree (COALESCE(organization_id, ''::text), seq);

CREATE INDEX audit_log_organization ON public.audit_log USING btree (organization_id, occurred_at DESC, id DESC);

CREATE INDEX audit_log_owner ON public.audit_log USING btree (owner_id, occurred_at DESC, id DESC) WHERE (owner_id IS NOT NULL);

CREATE INDEX audit_log_subject ON public.audit_log USING btree (COALESCE(subject_id, subject_name), occurred_at DESC, id DESC);

CREATE INDEX audit_log_time ON public.audit_log USING btree (occurred_at DESC, id DESC);

CREATE INDEX audit_log_unlinked ON public.audit_log USING btree (id) WHERE (seq IS NULL);

CREATE INDEX authentication_log_batches_at ON public.authentication_log_batches USING btree (at);

CREATE INDEX authentication_log_days_day ON public.authentication_log_days USING brin (day);

CREATE INDEX authentication_log_holders_api_key ON public.authentication_log_holders USING btree (credential_id) WHERE (credential_kind = 'api_key'::text);

CREATE INDEX authentication_log_holders_hash ON public.authentication_log_holders USING btree (hash, made_at);

CREATE INDEX authentication_log_holders_made ON public.authentication_log_holders USING btree (made_at);

CREATE INDEX authentication_log_segments_id ON ONLY public.authentication_log_segments USING btree (id);

CREATE INDEX authentication_log_segments_last ON ONLY public.authentication_log_segments USING btree (last_at, id);

CREATE INDEX authentication_log_segments_small ON ONLY public.authentication_log_segments USING btree (last_at, id) WHERE (uses < 8192);

CREATE INDEX authentication_log_subjects_subject ON ONLY public.authentication_log_subjects USING btree (subject, last_at, segment);

CREATE INDEX authentication_log_ways_hash ON public.authentication_log_ways USING btree (hash, made_at);

CREATE INDEX authentication_log_ways_made ON public.authentication_log_ways USING btree (made_at);

CREATE INDEX client_secrets_client ON public.client_secrets USING btree (client_id, created_at);

CREATE INDEX client_secrets_expiry ON public.client_secrets USING btree (expires_at);

CREATE INDEX clients_by_age ON public.clients USING btree (created_at, md5(client_id));

CREATE INDEX clients_by_owner ON public.clients USING btree (organization_id, created_at, md5(client_id));

CREATE INDEX connections_organization ON public.connections USING btree (organization_id);

CREATE UNIQUE INDEX connections_owner_name ON public.connections USING btree (COALESCE(organization_id, ''::text), name);

CREATE INDEX credentials_expiry ON public.credentials USING btree (expires_at) WHERE ((kind <> 'api_key'::text) OR (deleted_at IS NOT NULL));

CREATE INDEX credentials_grant ON public.credentials USING btree (grant_id) WHERE (grant_id IS NOT NULL);

CREATE INDEX idempotent_answers_expiry ON public.idempotent_answers USING btree (expires_at);

CREATE INDEX idempotent_requests_expiry ON public.idempotent_requests USING btree (expires_at);

CREATE INDEX identities_user ON public.identities USING btree (user_id);

CREATE UNIQUE INDEX invitations_open ON public.invitations USING btree (organization_id, lower(email)) WHERE ((accepted_at IS NULL) AND (withdrawn_at IS NULL));

CREATE INDEX mail_links_email ON public.mail_links USING btree (lower(email), purpose);

CREATE INDEX mail_links_expiry ON public.mail_links USING btree (expires_at);

CREATE INDEX mail_links_user ON public.mail_links USING btree (user_id) WHERE (user_id IS NOT NULL);

CREATE INDEX mail_outbox_due ON public.mail_outbox USING btree (next_attempt_at) WHERE (content IS NOT NULL);

CREATE INDEX mail_outbox_over ON public.mail_outbox USING btree (COALESCE(delivered_at, given_up_at)) WHERE (content IS NULL);

CREATE INDEX mail_outbox_recipient ON public.mail_outbox USING btree (recipient_hash, template, created_at);

CREATE INDEX memberships_created ON public.memberships USING btree (organization_id, created_at DESC, id DESC);

CREATE INDEX memberships_user ON public.memberships USING btree (user_id);

CREATE INDEX oauth_grants_expiry ON public.oauth_grants USING btree (expires_at);

CREATE INDEX oauth_grants_session ON public.oauth_grants USING btree (session_uid, client_id);

CREATE INDEX oauth_grants_user ON public.oauth_grants USING btree (user_id);

CREATE INDEX organization_domains_organization ON public.organization_domains USING btree (organization_id);

CREATE UNIQUE INDEX organization_domains_verified ON public.organization_domains USING btree (domain) WHERE (verified_at IS NOT NULL);

CREATE INDEX organizations_created ON public.organizations USING btree (created_at DESC, id DESC);

CREATE INDEX organizations_name_skeletons ON public.organizations USING gin (name_skeletons);

CREATE INDEX protocol_state_expiry ON public.protocol_state USING btree (expires_at);

CREATE UNIQUE INDEX protocol_state_uid ON public.protocol_state USING btree (model, uid) WHERE (uid IS NOT NULL);

CREATE UNIQUE INDEX protocol_state_user_code ON public.protocol_state USING btree (user_code_hash) WHERE (user_code_hash IS NOT NULL);

CREATE INDEX rate_limits_expire ON public.rate_limits USING btree (expire);

CREATE INDEX sessions_created ON public.sessions USING btree (user_id, created_at DESC, uid DESC) WHERE (ended_at IS NULL);

CREATE INDEX sessions_last_used ON public.sessions USING btree (last_used_at);

CREATE INDEX sessions_user ON public.sessions USING btree (user_id, last_used_at DESC);

CREATE UNIQUE INDEX signing_keys_current ON public.signing_keys USING btree (alg) WHERE (status = 'current'::text);

CREATE UNIQUE INDEX signing_keys_next ON public.signing_keys USING btree (alg) WHERE (status = 'next'::text);

CREATE INDEX single_uses_expiry ON public.single_uses USING btree (expires_at);

CREATE INDEX team_members_membership ON public.team_members USING btree (membership_id);

CREATE INDEX team_members_newest ON public.team_members USING btree (team_id, created_at DESC, membership_id DESC);

CREATE UNIQUE INDEX teams_name_unique ON public.teams USING btree (organization_id, lower(name));

CREATE INDEX teams_newest ON public.teams USING btree (organization_id, created_at DESC, id DESC);

CREATE INDEX token_answers_expiry ON public.token_answers USING btree (expires_at);

CREATE UNIQUE INDEX unknown_uses_sum ON public.unknown_uses USING btree (minute, network, via, reason, resource_server) NULLS NOT DISTINCT;

CREATE INDEX users_created ON public.users USING btree (created_at DESC, id DESC);

CREATE INDEX users_deactivated ON public.users USING btree (created_at DESC, id DESC) WHERE (deactivated_at IS NOT NULL);

CREATE INDEX users_email_beginning ON public.users USING btree (lower(email) text_pattern_ops);

CREATE UNIQUE INDEX users_email_unique ON public.users USING btree (lower(email));

CREATE INDEX users_name_beginning ON public.users USING btree (lower(name) text_pattern_ops);

CREATE INDEX users_superadmin ON public.users USING btree (created_at DESC, id DESC) WHERE superadmin;

CREATE OR REPLACE FUNCTION public.audit_entry_hash(previous bytea, entry audit_log)
 RETURNS bytea
 LANGUAGE sql
 STABLE
AS $function$
  select sha256(previous || convert_to(jsonb_build_array(
    entry.seq, entry.id, extract(epoch from entry.occurred_at), entry.organization_id,
    entry.actor_kind, entry.actor_id, entry.actor_name, entry.owner_id, entry.owner_name, entry.via,
    entry.action, entry.subject_kind, entry.subject_id, entry.subject_name, entry.before, entry.after,
    entry.ip, entry.request_id)::text, 'UTF8'))
$function$
;

CREATE OR REPLACE FUNCTION public.authentication_log_between(since timestamp with time zone, until timestamp with time zone)
 RETURNS TABLE(id bigint, occurred_at timestamp with time zone, outcome text, reason text, credential_id text, credential_kind text, credential_name text, via text, user_id text, user_email text, organization_id text, client_id text, resource_server text, ip text, user_agent text, method text, path text)
 LANGUAGE sql
 STABLE
AS $function$
  select * from authentication_log_recent(since, until) union all select * from authentication_log_packed(since, until)
$function$
;

CREATE OR REPLACE FUNCTION public.authentication_log_holder(credential_id text, credential_kind text, credential_name text, user_id text, user_email text, organization_id text, client_id text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  wanted bigint := hash_record_extended(row($1, $2, $3, $4, $5, $6, $7), 0);
  found integer;
begin
  select h.id into found from authentication_log_holders h
  where h.hash = wanted and h.made_at > now() - interval '1 day' and row(h.credential_id, h.credential_kind, h.credential_name, h.user_id,
    h.user_email, h.organization_id, h.client_id) is not distinct from row($1, $2, $3, $4, $5, $6, $7) limit 1;
  if found is null then
    insert into authentication_log_holders (hash, credential_id, credential_kind, credential_name, user_id, user_email,
      organization_id, client_id) values (wanted, $1, $2, $3, $4, $5, $6, $7) returning id into found;
  end if;
  return found;
end
$function$
;

CREATE OR REPLACE FUNCTION public.authentication_log_insert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into authentication_log_batches (at, uses, holder, way, credential, ip, path)
  select coalesce(new.occurred_at, now()), 1,
    array[authentication_log_holder(case when again then new.credential_id end, new.credential_kind, new.credential_name,
      new.user_id, new.user_email, new.organization_id, new.client_id)],
    array[authentication_log_way(new.outcome, new.reason, new.via, new.resource_server, new.user_agent, new.method)],
    case when not again then array[new.credential_id] end, array[new.ip], array[new.path]
  from (select new.credential_kind in ('api_key', 'client_secret', 'connection') as again) as kind;
  return new;
end
$function$
;

CREATE OR REPLACE FUNCTION public.authentication_log_packed(since timestamp with time zone, until timestamp with time zone)
 RETURNS TABLE(id bigint, occurred_at timestamp with time zone, outcome text, reason text, credential_id text, credential_kind text, credential_name text, via text, user_id text, user_email text, organization_id text, client_id text, resource_server text, ip text, user_agent text, method text, path text)
 LANGUAGE sql
 STABLE
AS $function$
  select r.base + u.n, r.at, w.outcome, w.reason, coalesce(h.credential_id, c.text), h.credential_kind,
    h.credential_name, w.via, h.user_id, h.user_email, h.organization_id, h.client_id, w.resource_server, i.text,
    w.user_agent, w.method, p.text
  from authentication_log_segments s
  cross join lateral unnest(s.run, s.holder, s.way, s.credential, s.ip, s.path)
    with ordinality as u (run, holder, way, credential, ip, path, n)
  join lateral unnest(s.run_base, s.run_at) with ordinality as r (base, at, n) on r.n = u.run
  join lateral unnest(s.holder_credential_id, s.holder_credential_kind, s.holder_credential_name, s.holder_user_id,
    s.holder_user_email, s.holder_organization_id, s.holder_client_id) with ordinality
    as h (credential_id, credential_kind, credential_name, user_id, user_email, organization_id, client_id, n)
    on h.n = u.holder
  join lateral unnest(s.way_outcome, s.way_reason, s.way_via, s.way_resource_server, s.way_user_agent, s.way_method)
    with ordinality as w (outcome, reason, via, resource_server, user_agent, method, n) on w.n = u.way
  left join lateral unnest(s.credentials) with ordinality as c (text, n) on c.n = u.credential
  left join lateral unnest(s.ips) with ordinality as i (text, n) on i.n = u.ip
  left join lateral unnest(s.paths) with ordinality as p (text, n) on p.n = u.path
  where s.last_at >= since and s.first_at < until and r.at >= since and r.at < until
$function$
;

CREATE OR REPLACE FUNCTION public.authentication_log_recent(since timestamp with time zone, until timestamp with time zone)
 RETURNS TABLE(id bigint, occurred_at timestamp with time zone, outcome text, reason text, credential_id text, credential_kind text, credential_name text, via text, user_id text, user_email text, organization_id text, client_id text, resource_server text, ip text, user_agent text, method text, path text)
 LANGUAGE sql
 STABLE
AS $function$
  select b.id + u.n - 1, b.at, w.outcome, w.reason, coalesce(h.credential_id, u.credential), h.credential_kind,
    h.credential_name, w.via, h.user_id, h.user_email, h.organization_id, h.client_id, w.resource_server, u.ip,
    w.user_agent, w.method, u.path
  from authentication_log_batches b
  cross join lateral unnest(b.holder, b.way, b.credential, b.ip, b.path)
    with ordinality as u (holder, way, credential, ip, path, n)
  join authentication_log_holders h on h.id = u.holder
  join authentication_log_ways w on w.id = u.way
  where b.at >= since and b.at < until
$function$
;

CREATE OR REPLACE FUNCTION public.authentication_log_way(outcome text, reason text, via text, resource_server text, user_agent text, method text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
declare
  wanted bigint := hash_record_extended(row($1, $2, $3, $4, $5, $6), 0);
  found integer;
begin
  select w.id into found from authentication_log_ways w
  where w.hash = wanted and w.made_at > now() - interval '1 day' and row(w.outcome, w.reason, w.via, w.resource_server,
    w.user_agent, w.method) is not distinct from row($1, $2, $3, $4, $5, $6) limit 1;
  if found is null then
    insert into authentication_log_ways (hash, outcome, reason, via, resource_server, user_agent, method)
      values (wanted, $1, $2, $3, $4, $5, $6) returning id into found;
  end if;
  return found;
end
$function$
;

CREATE OR REPLACE FUNCTION public.delete_credentials_of_clients()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  delete from credentials where client_id = any(array(select client_id from gone));
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.delete_credentials_of_grants()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  delete from credentials where grant_id = any(array(select id from gone));
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.delete_credentials_of_organizations()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  delete from credentials where organization_id = any(array(select id from gone));
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.delete_credentials_of_users()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  delete from credentials where user_id = any(array(select id from gone));
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.end_grants_of_session()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update oauth_grants set revoked_at = new.ended_at where session_uid = new.uid and revoked_at is null;
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.end_tokens_of_grant()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update credentials set revoked_at = new.revoked_at
  where grant_id = new.id and revoked_at is null and spent_at is null;
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.fill_membership()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  select slug, suspended_at is not null, o.allows_keys_in_query
    into new.organization_slug, new.organization_suspended, new.allows_keys_in_query
    from organizations o where id = new.organization_id for share;
  select email, superadmin, deactivated_at is not null
    into new.user_email, new.user_superadmin, new.user_deactivated
    from users where id = new.user_id for share;
  -- Of a person or organization that does not exist, the foreign keys tell better than a column without a value.
  new.organization_slug := coalesce(new.organization_slug, '');
  new.organization_suspended := coalesce(new.organization_suspended, true);
  new.allows_keys_in_query := coalesce(new.allows_keys_in_query, false);
  new.user_email := coalesce(new.user_email, '');
  new.user_superadmin := coalesce(new.user_superadmin, false);
  new.user_deactivated := coalesce(new.user_deactivated, true);
  return new;
end
$function$
;

CREATE OR REPLACE FUNCTION public.link_audit_entries()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION public.link_audit_entries_once()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if exists (select from audit_log where id = new.id and seq is null) then
    perform link_audit_entries();
  end if;
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.tell_memberships_of_organization()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform from memberships where organization_id = new.id order by id for no key update;
  update memberships set organization_slug = new.slug, organization_suspended = new.suspended_at is not null,
    allows_keys_in_query = new.allows_keys_in_query
  where organization_id = new.id;
  return null;
end
$function$
;

CREATE OR REPLACE FUNCTION public.tell_memberships_of_user()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform from memberships where user_id = new.id order by id for no key update;
  update memberships set user_email = new.email, user_superadmin = new.superadmin,
    user_deactivated = new.deactivated_at is not null
  where user_id = new.id;
  return null;
end
$function$
;

create view authentication_log as
 SELECT id,
    occurred_at,
    outcome,
    reason,
    credential_id,
    credential_kind,
    credential_name,
    via,
    user_id,
    user_email,
    organization_id,
    client_id,
    resource_server,
    ip,
    user_agent,
    method,
    path
   FROM authentication_log_between('-infinity'::timestamp with time zone, 'infinity'::timestamp with time zone) authentication_log_between(id, occurred_at, outcome, reason, credential_id, credential_kind, credential_name, via, user_id, user_email, organization_id, client_id, resource_server, ip, user_agent, method, path);

CREATE CONSTRAINT TRIGGER audit_log_link AFTER INSERT ON public.audit_log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.seq IS NULL)) EXECUTE FUNCTION link_audit_entries_once();

CREATE TRIGGER authentication_log_insert INSTEAD OF INSERT ON public.authentication_log FOR EACH ROW EXECUTE FUNCTION authentication_log_insert();

CREATE TRIGGER credentials_of_clients AFTER DELETE ON public.clients REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_credentials_of_clients();

CREATE TRIGGER credentials_of_grants AFTER DELETE ON public.oauth_grants REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_credentials_of_grants();

CREATE TRIGGER credentials_of_organizations AFTER DELETE ON public.organizations REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_credentials_of_organizations();

CREATE TRIGGER credentials_of_users AFTER DELETE ON public.users REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_credentials_of_users();

CREATE TRIGGER grants_of_ended_session AFTER UPDATE OF ended_at ON public.sessions FOR EACH ROW WHEN (((old.ended_at IS NULL) AND (new.ended_at IS NOT NULL))) EXECUTE FUNCTION end_grants_of_session();

CREATE TRIGGER membership_filled BEFORE INSERT ON public.memberships FOR EACH ROW EXECUTE FUNCTION fill_membership();

CREATE TRIGGER memberships_of_changed_organization AFTER UPDATE OF slug, suspended_at, allows_keys_in_query ON public.organizations FOR EACH ROW WHEN ((((old.slug IS DISTINCT FROM new.slug) OR ((old.suspended_at IS NULL) IS DISTINCT FROM (new.suspended_at IS NULL))) OR (old.allows_keys_in_query IS DISTINCT FROM new.allows_keys_in_query))) EXECUTE FUNCTION tell_memberships_of_organization();

CREATE TRIGGER memberships_of_changed_user AFTER UPDATE OF email, superadmin, deactivated_at ON public.users FOR EACH ROW WHEN ((((old.email IS DISTINCT FROM new.email) OR (old.superadmin IS DISTINCT FROM new.superadmin)) OR ((old.deactivated_at IS NULL) IS DISTINCT FROM (new.deactivated_at IS NULL)))) EXECUTE FUNCTION tell_memberships_of_user();

CREATE TRIGGER tokens_of_ended_grant AFTER UPDATE OF revoked_at ON public.oauth_grants FOR EACH ROW WHEN (((old.revoked_at IS NULL) AND (new.revoked_at IS NOT NULL))) EXECUTE FUNCTION end_tokens_of_grant();
