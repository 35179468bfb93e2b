-- What a use of a credential has to know of a person in an organization stands in one row, the membership's, whichever of
-- three tables says it. Each part has one writer: a change of the person or organization writes its own columns alone, so that
-- of two changes at one moment none is lost.
alter table memberships
  add column user_email text,
  add column user_superadmin boolean,
  add column user_deactivated boolean,
  add column organization_slug text,
  add column organization_suspended boolean,
  add column allows_keys_in_query boolean;

update memberships m set user_email = u.email, user_superadmin = u.superadmin,
  user_deactivated = u.deactivated_at is not null, organization_slug = o.slug,
  organization_suspended = o.suspended_at is not null, allows_keys_in_query = o.allows_keys_in_query
from users u, organizations o where u.id = m.user_id and o.id = m.organization_id;

alter table memberships
  alter column user_email set not null,
  alter column user_superadmin set not null,
  alter column user_deactivated set not null,
  alter column organization_slug set not null,
  alter column organization_suspended set not null,
  alter column allows_keys_in_query set not null;

-- A new membership holds both rows: a change of either that is under way is waited for, and one that comes later finds the
-- membership.
create function fill_membership() returns trigger language plpgsql as $$
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
$$;

-- The rows are taken in the order in which whoever changes several takes them.
create function tell_memberships_of_user() returns trigger language plpgsql as $$
begin
  perform from memberships where user_id = new.id order by id for no key update;
  update memberships set user_email = new.email, user_superadmin = new.superadmin,
    user_deactivated = new.deactivated_at is not null
  where user_id = new.id;
  return null;
end
$$;

create function tell_memberships_of_organization() returns trigger language plpgsql as $$
begin
  perform from memberships where organization_id = new.id order by id for no key update;
  update memberships set organization_slug = new.slug, organization_suspended = new.suspended_at is not null,
    allows_keys_in_query = new.allows_keys_in_query
  where organization_id = new.id;
  return null;
end
$$;

create trigger membership_filled before insert on memberships for each row execute function fill_membership();
create trigger memberships_of_changed_user after update of email, superadmin, deactivated_at on users for each row
  when ((old.email, old.superadmin, old.deactivated_at is null)
    is distinct from (new.email, new.superadmin, new.deactivated_at is null))
  execute function tell_memberships_of_user();
create trigger memberships_of_changed_organization after update of slug, suspended_at, allows_keys_in_query on organizations
  for each row when ((old.slug, old.suspended_at is null, old.allows_keys_in_query)
    is distinct from (new.slug, new.suspended_at is null, new.allows_keys_in_query))
  execute function tell_memberships_of_organization();
