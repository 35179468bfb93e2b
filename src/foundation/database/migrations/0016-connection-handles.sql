-- A name is its owner's: no tenant's connection stands in the way of another's. In its addresses, which are registered at
-- the provider, stands its handle: its name, or its id where another owner had that name first.
alter table connections add column handle text;
update connections set handle = name;
alter table connections alter column handle set not null;
alter table connections add constraint connections_handle_unique unique (handle);
alter table connections drop constraint connections_name_unique;
create unique index connections_owner_name on connections (coalesce(organization_id, ''), name);
