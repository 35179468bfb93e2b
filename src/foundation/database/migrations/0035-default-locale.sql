-- The language in which an organization's pages and mails speak to people whose browser asks for none that there is.
alter table organizations add column default_locale text;
