-- Links are ended by person as well as by mailbox, and go with their person.
create index mail_links_user on mail_links (user_id) where user_id is not null;
