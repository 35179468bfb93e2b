-- By which lists of people and organizations go on from page to page, newest first, and find names by their beginning.
create index users_created on users (created_at desc, id desc);
create index users_email_beginning on users (lower(email) text_pattern_ops);
create index users_name_beginning on users (lower(name) text_pattern_ops);
create index users_superadmin on users (created_at desc, id desc) where superadmin;
create index users_deactivated on users (created_at desc, id desc) where deactivated_at is not null;
create index organizations_created on organizations (created_at desc, id desc);
create index memberships_created on memberships (organization_id, created_at desc, id desc);
create index sessions_created on sessions (user_id, created_at desc, uid desc) where ended_at is null;
