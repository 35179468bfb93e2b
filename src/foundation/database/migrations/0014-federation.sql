-- A sign-in that was begun with an older password, or before it was voided, is not finished with a newer one.
alter table users add column password_changed_at timestamptz;

-- Whoever follows a link to their mailbox has proven their account to the sign-in that asked for it.
alter table mail_links drop constraint mail_links_purpose_check;
alter table mail_links add constraint mail_links_purpose_check check (
  purpose in ('verify_email', 'reset_password', 'change_email', 'sign_up', 'invitation', 'prove_account'));
