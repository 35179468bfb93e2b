-- A live credential whose holder may not do what was asked: neither accepted nor refused.
alter table authentication_log drop constraint authentication_log_outcome_check;
alter table authentication_log add constraint authentication_log_outcome_check
  check (outcome in ('accepted', 'refused', 'denied')) not valid;

-- How many uses an entry stands for: what nobody knows is summed up, so that strangers can't fill the log.
alter table authentication_log add column count integer not null default 1;
