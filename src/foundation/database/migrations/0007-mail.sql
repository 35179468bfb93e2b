-- Mails to send, written by the transaction that causes them. A node claims a due mail until `claimed_until`; if that
-- node dies, another takes over after that moment. What a mail says (address, link) is encrypted, and erased once it
-- is delivered or given up; the row stays a week for the limit of mails per address and for whoever asks what became
-- of it.
create table mail_outbox (
  id uuid primary key,                      -- also its Message-ID: a mail sent twice after a crash is recognisable
  template text not null,
  recipient_hash bytea not null,            -- SHA-256 of the address in lower case
  content bytea,                            -- encrypted JSON: address, locals, organization; null once over
  attempts integer not null default 0,      -- counted at the claim, so it also fences off a claim that was lost
  next_attempt_at timestamptz not null default now(),
  claimed_until timestamptz,
  last_error text,                          -- codes only: servers repeat addresses in their texts
  created_at timestamptz not null default now(),
  delivered_at timestamptz,
  given_up_at timestamptz
);
create index mail_outbox_due on mail_outbox (next_attempt_at) where content is not null;
create index mail_outbox_recipient on mail_outbox (recipient_hash, template, created_at);
create index mail_outbox_over on mail_outbox (coalesce(delivered_at, given_up_at)) where content is null;
