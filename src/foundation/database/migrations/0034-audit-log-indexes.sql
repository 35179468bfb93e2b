-- A page of the log is a walk along one of these, whichever of them its filters make the shortest.
drop index audit_log_organization;
create index audit_log_time on audit_log (occurred_at desc, id desc);
create index audit_log_organization on audit_log (organization_id, occurred_at desc, id desc);
create index audit_log_actor on audit_log (coalesce(actor_id, actor_kind), occurred_at desc, id desc);
create index audit_log_actor_in on audit_log (organization_id, coalesce(actor_id, actor_kind), occurred_at desc, id desc);
create index audit_log_owner on audit_log (owner_id, occurred_at desc, id desc) where owner_id is not null;
create index audit_log_subject on audit_log (coalesce(subject_id, subject_name), occurred_at desc, id desc);
create index audit_log_action on audit_log (action, occurred_at desc, id desc);
create index audit_log_action_in on audit_log (organization_id, action, occurred_at desc, id desc);
