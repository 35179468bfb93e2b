-- Four foreign keys cost each token that is issued a look-up and a lock in as many tables. What they kept is kept by two
-- rules instead: whoever inserts a credential holds the row it hangs on (a token its grant or service account, an API key
-- its owner and organization) until the commit, and what hangs on a row goes with it.
alter table credentials
  drop constraint credentials_grant_id_fkey,
  drop constraint credentials_client_id_fkey,
  drop constraint credentials_user_id_fkey,
  drop constraint credentials_organization_id_fkey;

-- A statement inside a function sees what has been committed while the deletion waited for a row that was held.
create function delete_credentials_of_grants() returns trigger language plpgsql as $$
begin
  delete from credentials where grant_id = any(array(select id from gone));
  return null;
end
$$;

create function delete_credentials_of_clients() returns trigger language plpgsql as $$
begin
  delete from credentials where client_id = any(array(select client_id from gone));
  return null;
end
$$;

create function delete_credentials_of_users() returns trigger language plpgsql as $$
begin
  delete from credentials where user_id = any(array(select id from gone));
  return null;
end
$$;

create function delete_credentials_of_organizations() returns trigger language plpgsql as $$
begin
  delete from credentials where organization_id = any(array(select id from gone));
  return null;
end
$$;

create trigger credentials_of_grants after delete on oauth_grants
  referencing old table as gone for each statement execute function delete_credentials_of_grants();
create trigger credentials_of_clients after delete on clients
  referencing old table as gone for each statement execute function delete_credentials_of_clients();
create trigger credentials_of_users after delete on users
  referencing old table as gone for each statement execute function delete_credentials_of_users();
create trigger credentials_of_organizations after delete on organizations
  referencing old table as gone for each statement execute function delete_credentials_of_organizations();

-- A service account's token and an API key have no grant.
drop index credentials_grant;
create index credentials_grant on credentials (grant_id) where grant_id is not null;
