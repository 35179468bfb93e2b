-- Whether people with an address of the organization's verified domains may join it by signing up.
alter table organizations add column join_by_domain boolean not null default false;
