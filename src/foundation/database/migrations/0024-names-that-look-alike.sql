-- By what an organization may be taken for another. Every start fills in those that are missing.
alter table organizations add column name_skeletons text[] not null default '{}';
create index organizations_name_skeletons on organizations using gin (name_skeletons);
