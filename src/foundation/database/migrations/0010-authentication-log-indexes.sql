-- Every use of a credential pays for every index here, so there is one for each way in which the log is read: by
-- organization, by person in an organization, by API key. The key is a hash of who it is and the outcome: a third of the
-- size of the texts themselves, a fraction of their time at an insert, and a rare refusal among millions of accepted uses
-- is found as quickly as any other page. Ascending times append within their key. Queries repeat these expressions
-- (src/authentication-log/log-queries.ts) and compare the columns themselves as well.
create index authentication_log_organization
  on authentication_log (hashtextextended(organization_id || outcome, 0), occurred_at);
create index authentication_log_person
  on authentication_log (hashtextextended(user_id || coalesce(organization_id, '') || outcome, 0), occurred_at);
create index authentication_log_api_key
  on authentication_log (hashtextextended(credential_id || outcome, 0), occurred_at) where credential_kind = 'api_key';

-- For the counting below. Uses of one batch share their time, which makes it small (6 bytes an entry).
create index authentication_log_moment on authentication_log (occurred_at);
drop index authentication_log_time;

-- How often, by day (UTC): a busy key has millions of uses, which no page can count. A subject is an organization, a person
-- in an organization (both ids in one text; without an organization the person's alone) or an API key, so each entry counts
-- for up to three. Counted by the sweeper, up to the moment in authentication_log_counted; what came later is counted
-- from the log itself.
create table authentication_log_days (
  subject text not null,
  day date not null,
  kind text not null,
  outcome text not null,
  uses bigint not null,
  primary key (subject, day, kind, outcome)
);
create index authentication_log_days_day on authentication_log_days (day);

create table authentication_log_counted (
  only_row boolean primary key default true check (only_row),
  until timestamptz not null
);
insert into authentication_log_counted (until) select coalesce(min(occurred_at), now()) from authentication_log;
