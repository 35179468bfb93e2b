-- Anybody may claim a domain; who proves it by a TXT record owns it alone. The record is derived, so nothing of it is here.
alter table organization_domains drop constraint organization_domains_pkey;
alter table organization_domains add primary key (domain, organization_id);
alter table organization_domains add column created_at timestamptz not null default now();
create unique index organization_domains_verified on organization_domains (domain) where verified_at is not null;
