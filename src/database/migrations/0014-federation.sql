-- A sign-in that was begun with an older password, or before it was voided, is not finished with a newer one.
alter table users add column password_changed_at timestamptz;
