-- Lists of clients, newest first: of one owner (the deployment, or an organization) and of all.
create index clients_by_owner on clients (organization_id, created_at, md5(client_id));
create index clients_by_age on clients (created_at, md5(client_id));
drop index clients_organization;
