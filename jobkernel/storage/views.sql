-- The documented views: their columns stay, new ones come last. Run at the making of a history and by each migration,
-- so that these are the only words for them. Times are naive UTC timestamps (occurred_at).

-- An error is kept as {type, message, text, …}; people read "type: message", and the whole of it as error_detail.
create or replace macro kept.known(error) as case when json_type(error) <> 'NULL' then error end;
create or replace macro kept.sentence_of(error) as
case json_type(error)
    when 'OBJECT' then concat_ws(': ', error ->> 'type', nullif(error ->> 'message', ''))
    when 'NULL' then null
    else error ->> '$'
end;

create or replace view runs as
select
    run_id, job_name, status,
    make_timestamp(queued_us) as queued_at,
    make_timestamp(started_us) as started_at,
    make_timestamp(ended_us) as ended_at,
    greatest(0, ended_us - started_us) / 1e6 as duration_s,
    trigger, trigger_name, tick_id, run_key, priority, partition_key, parent_run_id, root_run_id,
    tags, config, kernel_id, notebook, kept.sentence_of(error) as error, executor, reason, kept.known(error) as error_detail
from kept.run;

create or replace view steps as
select
    run_id, step_key, attempt, status,
    make_timestamp(started_us) as started_at,
    make_timestamp(ended_us) as ended_at,
    duration_s, executor, worker, kept.sentence_of(error) as error, reason, kept.known(error) as error_detail
from kept.step;

create or replace view events as
select seq, make_timestamp(occurred_us) as occurred_at, event_type, run_id, step_key, body from kept.event;

create or replace view logs as
select
    run_id, step_key, make_timestamp(occurred_us) as occurred_at,
    body ->> 'level' as level, body ->> 'message' as message
from kept.event where event_type = 'LOG_MESSAGE'
union all
select run_id, step_key, make_timestamp(occurred_us), level, message from kept.log_line;

create or replace view materializations as
select
    asset_key, partition_key, run_id, step_key, make_timestamp(occurred_us) as occurred_at,
    data_version, code_version, metadata, tags, duration_s
from kept.materialization;

create or replace view assets as
with made as (
    select
        asset_key,
        bool_or(planned_run_id is not null) as is_planned,
        arg_max(status, last_us) as status,
        arg_max(last_run_id, last_us) as last_run_id,
        max(materialized_us) as materialized_us,
        max(materialized_seq) as materialized_seq,
        count(partition_key) filter (materialized_seq is not null) as materialized_partitions
    from kept.asset_partition group by asset_key
),
defined as (select * from kept.definition where kind = 'asset')
select
    coalesce(defined.name, made.asset_key) as asset_key,
    defined.group_name, defined.notebook,
    case when made.is_planned then 'MATERIALIZING' else coalesce(made.status, 'MISSING') end as status,
    made.last_run_id,
    make_timestamp(made.materialized_us) as last_materialized_at,
    latest.data_version, latest.code_version, latest.metadata,
    coalesce(made.materialized_partitions, 0) as materialized_partitions
from defined
full join made on made.asset_key = defined.name
left join kept.materialization as latest on latest.row_seq = made.materialized_seq
where not coalesce(defined.forgotten, false);

create or replace view checks as
select
    asset_key, check_name, run_id, passed, severity, blocking, make_timestamp(occurred_us) as occurred_at,
    metadata, description, partition_key, step_key
from kept.check_result;

create or replace view dynamic_partitions as
select name, partition_key, make_timestamp(changed_us) as added_at
from kept.dynamic_partition where added_seq is not null;

create or replace view ticks as
select
    tick_id, automation_name, automation_type, status,
    make_timestamp(scheduled_us) as scheduled_at,
    make_timestamp(evaluated_us) as evaluated_at,
    skip_reason, cursor, run_ids, kept.sentence_of(error) as error, kept.known(error) as error_detail,
    make_timestamp(ended_us) as ended_at,
    details -> 'run_keys' as run_keys,
    (details ->> 'late_s')::double as late_s,
    (details ->> 'count')::bigint as missed_count,
    make_timestamp((details ->> 'first_us')::bigint) as first_missed_at,
    make_timestamp((details ->> 'last_us')::bigint) as last_missed_at
from kept.tick;

-- What looks at conditions found of each asset, where it was not what the look before found; requested counts partitions.
create or replace view conditions as
select
    asset_key, make_timestamp(occurred_us) as evaluated_at, requested, why, tree, automation_name, tick_id
from kept.condition;

-- Of each run of a backfill the newest attempt counts; once it is over, the counts are those it ended with.
create or replace view backfills as
with attempt as (
    select
        tags ->> 'dagster/backfill' as backfill_id,
        (tags ->> '.jobkernel/backfill_run')::integer as number,
        arg_max(status, row_seq) as status
    from kept.run where tags ->> 'dagster/backfill' is not null
    group by all
),
share as ( -- of an open backfill each run's number and how many partitions it makes
    select
        backfill_id,
        unnest((details -> 'sizes')::integer[]) as size,
        generate_subscripts((details -> 'sizes')::integer[], 1) - 1 as number
    from kept.backfill where ended_us is null
),
counted as (
    select
        share.backfill_id,
        sum(size) filter (attempt.status = 'SUCCESS') as done,
        sum(size) filter (attempt.status in ('FAILURE', 'CANCELED')) as failed,
        sum(size) filter (attempt.status not in ('SUCCESS', 'FAILURE', 'CANCELED')) as running
    from share
    join attempt on attempt.backfill_id = share.backfill_id and attempt.number = share.number
    group by share.backfill_id
)
select
    backfill.backfill_id, status, job_name,
    details ->> 'selection' as selection,
    (details ->> 'partitions')::bigint as partitions,
    coalesce((details -> 'tally' ->> 'done')::bigint, done, 0) as done,
    coalesce((details -> 'tally' ->> 'failed')::bigint, failed, 0) as failed,
    coalesce((details -> 'tally' ->> 'not_run')::bigint, 0) as not_run,
    coalesce((details -> 'tally' ->> 'canceled')::bigint, 0) as canceled,
    coalesce((details -> 'tally' ->> 'running')::bigint, running, 0) as running,
    make_timestamp(requested_us) as requested_at,
    make_timestamp(ended_us) as ended_at,
    details ->> 'policy' as policy,
    (details ->> 'max_runs')::bigint as max_runs,
    details -> 'tags' as tags,
    notebook, details ->> 'error' as error
from kept.backfill as backfill
left join counted on counted.backfill_id = backfill.backfill_id;
