-- What ends a session ends the grants that it gave, and what ends a grant marks the tokens that live under it, so that a use
-- of a token looks at the token alone. Whoever issues a token holds its grant, and whoever makes a grant its session, until
-- the commit: the end waits, and a statement inside a function then sees what has been committed meanwhile. So the order is
-- session, grant, token, for everybody.
create function end_grants_of_session() returns trigger language plpgsql as $$
begin
  update oauth_grants set revoked_at = new.ended_at where session_uid = new.uid and revoked_at is null;
  return null;
end
$$;

-- One that is spent already is dead, and the log says so.
create function end_tokens_of_grant() returns trigger language plpgsql as $$
begin
  update credentials set revoked_at = new.revoked_at
  where grant_id = new.id and revoked_at is null and spent_at is null;
  return null;
end
$$;

create trigger grants_of_ended_session after update of ended_at on sessions
  for each row when (old.ended_at is null and new.ended_at is not null) execute function end_grants_of_session();
create trigger tokens_of_ended_grant after update of revoked_at on oauth_grants
  for each row when (old.revoked_at is null and new.revoked_at is not null) execute function end_tokens_of_grant();

update oauth_grants g set revoked_at = coalesce(s.ended_at, now())
from oauth_grants one left join sessions s on s.uid = one.session_uid
where g.id = one.id and g.revoked_at is null and g.session_uid is not null and (s.uid is null or s.ended_at is not null);

update credentials c set revoked_at = g.revoked_at
from oauth_grants g where g.id = c.grant_id and g.revoked_at is not null and c.revoked_at is null and c.spent_at is null;
