-- The tables of the history, version 4; those in "kept" are ours alone. The documented views are in views.sql.
-- Times are microseconds since the epoch in tables (occurred_us) and naive UTC timestamps in views (occurred_at).

create schema kept;

create table kept.meta (name varchar primary key, value varchar not null);

create table kept.client (
    number integer not null,
    client_id varchar not null,
    kernel_id varchar,
    notebook varchar,
    host varchar,
    pid integer,
    process_started varchar,
    seen_us bigint not null,
    last_client_seq bigint not null
);

create table kept.event (
    seq bigint not null,
    occurred_us bigint not null,
    event_type varchar not null,
    run_id varchar,
    step_key varchar,
    client integer not null,
    client_seq bigint not null,
    body json
);

-- State rows: row_seq is the seq of the event that made the row, and the row's identity.

-- Runs, and the attempts of their steps (step_key is set), lie in one narrow table: in a commit each table costs
-- 0.5 ms and each column 0.04 ms, and a run's end writes both. kept.run and kept.step show them with all columns.
create table kept.execution (
    row_seq bigint not null,
    last_seq bigint,
    run_id varchar not null,
    step_key varchar,
    attempt integer,
    job_name varchar,
    status varchar not null,
    queued_us bigint,
    started_us bigint,
    ended_us bigint,
    details json
);

create view kept.run as
select
    row_seq, last_seq, run_id, job_name, status, queued_us, started_us, ended_us,
    details ->> 'trigger' as trigger,
    details ->> 'trigger_name' as trigger_name,
    details ->> 'tick_id' as tick_id,
    details ->> 'run_key' as run_key,
    coalesce((details ->> 'priority')::integer, 0) as priority,
    details ->> 'partition_key' as partition_key,
    details ->> 'parent_run_id' as parent_run_id,
    details ->> 'root_run_id' as root_run_id,
    details -> 'tags' as tags,
    details -> 'config' as config,
    details ->> 'kernel_id' as kernel_id,
    details ->> 'notebook' as notebook,
    details ->> 'executor' as executor,
    details -> 'steps' as steps,
    details -> 'assets' as assets,
    details ->> 'reason' as reason,
    details ->> 'canceled_by' as canceled_by,
    (details ->> 'forced')::boolean as forced,
    details -> 'error' as error
from kept.execution where step_key is null;

create view kept.step as
select
    row_seq, run_id, step_key, attempt, status, started_us, ended_us,
    (details ->> 'duration_s')::double as duration_s,
    details ->> 'executor' as executor,
    details ->> 'worker' as worker,
    details ->> 'reason' as reason,
    details -> 'error' as error
from kept.execution where step_key is not null;

create table kept.asset_partition (
    row_seq bigint not null,
    asset_key varchar not null,
    partition_key varchar,
    status varchar,
    planned_run_id varchar,
    last_run_id varchar,
    last_us bigint,
    materialized_seq bigint,
    materialized_us bigint,
    error json
);

create table kept.materialization (
    row_seq bigint not null,
    asset_key varchar not null,
    partition_key varchar,
    run_id varchar,
    step_key varchar,
    occurred_us bigint not null,
    duration_s double,
    data_version varchar,
    code_version varchar,
    tags json,
    metadata json,
    fingerprint json
);

create table kept.check_result (
    row_seq bigint not null,
    asset_key varchar not null,
    partition_key varchar,
    check_name varchar not null,
    run_id varchar,
    step_key varchar,
    occurred_us bigint not null,
    passed boolean,
    severity varchar,
    blocking boolean,
    description varchar,
    metadata json
);

create table kept.definition (
    row_seq bigint not null,
    kind varchar not null,
    name varchar not null,
    changed_us bigint not null,
    notebook varchar,
    group_name varchar,
    source varchar,
    options json,
    deps json,
    forgotten boolean not null
);

create table kept.setting (
    row_seq bigint not null,
    name varchar not null,
    changed_us bigint not null,
    value json
);

-- added_seq: when the key was added the last time; null once it is deleted.
create table kept.dynamic_partition (
    row_seq bigint not null,
    name varchar not null,
    partition_key varchar not null,
    changed_us bigint not null,
    added_seq bigint
);

create table kept.tick (
    row_seq bigint not null,
    tick_id varchar not null,
    automation_name varchar not null,
    automation_type varchar not null,
    status varchar not null,
    scheduled_us bigint,
    evaluated_us bigint,
    skip_reason varchar,
    cursor varchar,
    run_ids json,
    error json,
    ended_us bigint,
    details json
);

-- What schedules and sensors must not forget: switched on or off, since when their times count, how far they are.
-- scheduled_us is the newest time that was claimed or missed: each time of a schedule is claimed once.

create table kept.automation (
    row_seq bigint not null,
    name varchar not null,
    automation_type varchar,
    notebook varchar,
    is_on boolean,
    crons json,
    timezone varchar,
    since_us bigint,
    scheduled_us bigint,
    evaluated_us bigint,
    cursor varchar,
    failures integer,
    token bigint,
    keys_reset_seq bigint
);

create table kept.run_key (
    row_seq bigint not null,
    automation_name varchar not null,
    run_key varchar not null,
    run_id varchar,
    tick_id varchar,
    given_seq bigint
);

-- What looks at conditions found of assets and checks ("a/b:check"), where it was not what the look before found.

create table kept.condition (
    row_seq bigint not null,
    asset_key varchar not null,
    occurred_us bigint not null,
    automation_name varchar,
    tick_id varchar,
    requested integer not null,
    why varchar,
    tree json
);

-- Backfills: what was wanted, its runs and their order lie in details; how far it is follows from the runs' rows.

create table kept.backfill (
    row_seq bigint not null,
    backfill_id varchar not null,
    status varchar not null,
    job_name varchar,
    notebook varchar,
    client_id varchar,
    requested_us bigint not null,
    ended_us bigint,
    details json
);

-- Output that steps captured to files: which files there are, and the lines copied here when SQL asks for logs.

create table kept.log_file (
    row_seq bigint not null,
    run_id varchar not null,
    step_key varchar,
    path varchar not null,
    copied boolean not null
);

create table kept.log_line (
    run_id varchar not null,
    step_key varchar,
    occurred_us bigint not null,
    level varchar,
    message varchar
);
