-- Lists are newest first, a page at a time along an index: teams of an organization, members of a team, the catalogue.
alter table team_members add column created_at timestamptz not null default now();
alter table permissions add column created_at timestamptz not null default now();
create index teams_newest on teams (organization_id, created_at desc, id desc);
create index team_members_newest on team_members (team_id, created_at desc, membership_id desc);
