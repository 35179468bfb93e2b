-- Whether an API key changes anything through the API: chosen when it is made, and never by default.
alter table credentials add column administration boolean not null default false;
