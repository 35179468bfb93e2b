-- What runs by the clock (a table of jobs in the code): over all nodes one at a time, and not before it is due again.
create table job_leases (
  name text primary key,
  holder text,                              -- the run that has it; null: none
  leased_until timestamptz not null,        -- a node that died loses it then
  due_at timestamptz not null
);

-- Sessions that are long over are found by their last use.
create index sessions_last_used on sessions (last_used_at);
