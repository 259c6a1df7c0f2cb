-- Every question asked of the history, by name. "defaults" are the parameters a caller may leave out.
-- $floor_seq, $first_seq and $last_seq are bounds that the store knows; they let DuckDB skip most of a table. The column
-- "details" is taken apart after the query into the named columns: a tenth of the cost of having DuckDB do it.

-- name: latest_runs
-- defaults: {"job_name": null, "status": null, "since": null, "before": null, "backfill": null, "limit": 100}
-- details: trigger trigger_name priority partition_key parent_run_id root_run_id tags kernel_id notebook executor reason error assets
select
    run_id, job_name, status, queued_us as queued_at, started_us as started_at, ended_us as ended_at,
    row_seq as first_seq, details
from kept.execution
where row_seq >= $floor_seq and step_key is null
    and ($job_name is null or job_name = $job_name)
    and ($status is null or status = $status)
    and ($since is null or queued_us >= $since)
    and ($before is null or queued_us < $before)
    and ($backfill is null or coalesce(details -> 'tags' ->> 'dagster/backfill', '') = $backfill)
order by row_seq desc
limit $limit

-- name: run
-- defaults: {}
-- details: trigger trigger_name tick_id run_key priority partition_key parent_run_id root_run_id tags config kernel_id notebook executor steps assets checks reason canceled_by forced error
select
    run_id, job_name, status, queued_us as queued_at, started_us as started_at, ended_us as ended_at,
    row_seq as first_seq, last_seq, details
from kept.execution where row_seq = $first_seq and run_id = $run_id

-- name: run_steps
-- defaults: {}
-- details: duration_s executor worker reason error delay_s
select run_id, step_key, attempt, status, started_us as started_at, ended_us as ended_at, details
from kept.execution
where row_seq between $first_seq and $last_seq and run_id = $run_id and step_key is not null
order by row_seq

-- name: step_messages
-- defaults: {}
select step_key, body ->> 'message' as message
from kept.event
where seq between $first_seq and $last_seq
    and run_id = $run_id and step_key is not null and event_type = 'ENGINE_EVENT'
order by seq

-- name: step_outputs
-- defaults: {}
select seq, body
from kept.event
where seq between $first_seq and $last_seq
    and run_id = $run_id and step_key = $step_key and event_type = 'STEP_OUTPUT'
order by seq

-- name: runs_of_root
-- defaults: {}
select run_id, status, started_us as started_at
from kept.run where root_run_id = $root_run_id or run_id = $root_run_id order by row_seq

-- name: left_runs
-- defaults: {}
select run_id
from kept.run
where status = 'FAILURE' and ended_us >= $since_us and notebook = $notebook and reason = 'kernel died'
    and tags ->> 'dagster/will_retry' = 'true'
    and not exists (select 1 from kept.run as next_run where next_run.parent_run_id = run.run_id)
order by row_seq

-- name: run_outputs
-- defaults: {}
select step_key, body ->> 'output' as output
from kept.event
where seq between $first_seq and $last_seq and run_id = $run_id and event_type = 'STEP_OUTPUT'
order by seq

-- name: run_events
-- defaults: {"after_seq": 0, "limit": 100000}
select seq, occurred_us as occurred_at, event_type, run_id, step_key, body
from kept.event
where seq between greatest($first_seq, $after_seq + 1) and $last_seq and run_id = $run_id
order by seq
limit $limit

-- name: events_without_run
-- defaults: {}
select seq, occurred_us as occurred_at, event_type, run_id, step_key, body
from kept.event
where run_id is null and event_type in ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION', 'ASSET_CHECK_EVALUATION')
order by seq

-- name: events
-- defaults: {"after_seq": 0, "limit": 1000}
select seq, occurred_us as occurred_at, event_type, run_id, step_key, body
from kept.event where seq > $after_seq order by seq limit $limit

-- name: logged_messages
-- defaults: {"step_key": null, "after_seq": 0, "limit": 10000}
select seq, occurred_us as occurred_at, step_key, body ->> 'level' as level, body ->> 'message' as message
from kept.event
where seq between greatest($first_seq, $after_seq + 1) and $last_seq
    and run_id = $run_id and event_type = 'LOG_MESSAGE' and ($step_key is null or step_key = $step_key)
order by seq
limit $limit

-- name: log_files
-- defaults: {"step_key": null}
select step_key, path from kept.log_file
where run_id = $run_id and ($step_key is null or step_key = $step_key) order by row_seq

-- name: asset_states
-- defaults: {"partitions": true}
select
    state.asset_key, state.partition_key,
    case when state.planned_run_id is not null then 'MATERIALIZING' else coalesce(state.status, 'MISSING') end as status,
    state.planned_run_id, state.last_run_id, state.last_us as last_at, state.error,
    state.materialized_us as last_materialized_at, made.run_id as materialized_run_id, made.step_key,
    made.duration_s, made.data_version, made.code_version, made.tags, made.metadata, made.fingerprint
from kept.asset_partition as state
left join kept.materialization as made on made.row_seq = state.materialized_seq
where $partitions or state.partition_key is null
order by state.asset_key, state.partition_key

-- name: partition_states
-- defaults: {"since": null}
with known as (
    select
        state.*, made.run_id, made.step_key, made.data_version, json_extract(made.fingerprint, '$.parts') as parts,
        json_extract(made.fingerprint, '$.upstream') as upstream, hash(parts::varchar)::varchar as parts_id
    from kept.asset_partition as state
    left join kept.materialization as made on made.row_seq = state.materialized_seq
    where state.partition_key is not null
        and ($since is null or state.last_us >= $since or state.planned_run_id is not null)
)
select
    asset_key, partition_key, status, planned_run_id, last_run_id, last_us as last_at, error,
    materialized_us as last_materialized_at, run_id as materialized_run_id, step_key, data_version, upstream, parts_id,
    case when row_number() over (partition by asset_key, parts_id order by partition_key) = 1 then parts end as parts
from known
order by asset_key, partition_key

-- name: asset_marks
-- defaults: {}
select
    state.asset_key, state.partition_key, state.planned_run_id, state.status, state.materialized_seq,
    made.occurred_us as materialized_at, made.run_id, made.data_version
from kept.asset_partition as state
left join kept.materialization as made on made.row_seq = state.materialized_seq
order by state.materialized_seq nulls first

-- name: updates_since
-- defaults: {}
select row_seq as seq, asset_key, partition_key, run_id, occurred_us as occurred_at, data_version
from kept.materialization where row_seq > $after or row_seq in (
    select max(row_seq) from kept.materialization where row_seq <= $after group by asset_key, partition_key
)
order by row_seq

-- name: asset_state
-- defaults: {}
with state as (select * from kept.asset_partition where asset_key = $asset_key)
select
    state.asset_key, state.partition_key,
    case when state.planned_run_id is not null then 'MATERIALIZING' else coalesce(state.status, 'MISSING') end as status,
    state.planned_run_id, state.last_run_id, state.last_us as last_at, state.error,
    state.materialized_us as last_materialized_at, made.run_id as materialized_run_id, made.step_key,
    made.duration_s, made.data_version, made.code_version, made.tags, made.metadata, made.fingerprint
from state
left join kept.materialization as made on made.row_seq = state.materialized_seq
order by state.partition_key

-- name: materializations
-- defaults: {"partition_key": null, "limit": 100}
select row_seq as seq, asset_key, partition_key, run_id, step_key, occurred_us as occurred_at, duration_s,
    data_version, code_version, tags, metadata, fingerprint
from kept.materialization
where asset_key = $asset_key and ($partition_key is null or partition_key = $partition_key)
order by row_seq desc
limit $limit

-- name: metadata_history
-- defaults: {"partition_key": null, "limit": 1000}
with recent as (
    select * from kept.materialization
    where asset_key = $asset_key and ($partition_key is null or partition_key = $partition_key)
        and metadata is not null
    order by row_seq desc limit $limit
),
labelled as (
    select row_seq, run_id, partition_key, occurred_us, entry.key as label, entry.value as entry
    from recent, json_each(recent.metadata) as entry
),
numbered as (
    select * exclude (entry),
        coalesce(try_cast(json_extract_string(entry, '$') as double),
            try_cast(json_extract_string(entry, '$.value') as double)) as value
    from labelled
    where json_type(entry) in ('UBIGINT', 'BIGINT', 'DOUBLE')
        or json_type(entry, '$.value') in ('UBIGINT', 'BIGINT', 'DOUBLE')
)
select row_seq as seq, run_id, partition_key, occurred_us as occurred_at, label, value
from numbered order by row_seq, label

-- name: observations
-- defaults: {"limit": 100}
select seq, occurred_us as occurred_at, run_id, step_key, body
from kept.event
where event_type = 'ASSET_OBSERVATION' and body ->> 'asset_key' = $asset_key
order by seq desc
limit $limit

-- name: checks_latest
-- defaults: {"asset_key": null}
select row_seq as seq, asset_key, check_name, partition_key, run_id, step_key, occurred_us as occurred_at,
    passed, severity, blocking, description, metadata
from kept.check_result
where $asset_key is null or asset_key = $asset_key
qualify row_number() over (partition by asset_key, check_name, partition_key order by row_seq desc) = 1
order by asset_key, check_name, partition_key

-- name: checks_of_run
-- defaults: {}
select asset_key, check_name, partition_key, step_key, passed, severity, description
from kept.check_result where run_id = $run_id order by row_seq

-- name: step_durations
-- defaults: {"job_name": null, "limit": 200}
with recent as (
    select run_id, job_name from kept.execution
    where row_seq >= $floor_seq and step_key is null and status = 'SUCCESS'
        and ($job_name is null or job_name = $job_name)
    order by row_seq desc limit $limit
)
select recent.job_name, step.step_key, median(step.ended_us - step.started_us) / 1e6 as duration_s, count(*) as runs
from kept.execution as step join recent on recent.run_id = step.run_id
where step.row_seq >= $floor_seq and step.step_key is not null and step.status = 'SUCCESS'
group by recent.job_name, step.step_key
order by recent.job_name, step.step_key

-- name: asset_durations
-- defaults: {}
with recent as (
    select asset_key, duration_s from kept.materialization where duration_s is not null
    qualify row_number() over (partition by asset_key order by row_seq desc) <= 20
)
select asset_key, median(duration_s) as duration_s, count(*) as materializations
from recent group by asset_key order by asset_key

-- name: definitions
-- defaults: {"kind": null}
select kind, name, changed_us as changed_at, notebook, group_name, source, options, deps
from kept.definition where not forgotten and ($kind is null or kind = $kind) order by kind, name

-- name: settings
-- defaults: {}
select name, value, changed_us as changed_at from kept.setting order by name

-- name: dynamic_partitions
-- defaults: {}
select partition_key from kept.dynamic_partition
where name = $partitions_name and added_seq is not null order by added_seq

-- name: run_ids
-- defaults: {}
select run_id from kept.run

-- name: open_runs
-- defaults: {}
select run_id, job_name, status, kernel_id, notebook, priority, tags, row_seq as first_seq
from kept.run where status not in ('SUCCESS', 'FAILURE', 'CANCELED') order by row_seq

-- name: counts
-- defaults: {}
select
    (select count(*) from kept.event) as events,
    (select count(*) from kept.run) as runs,
    (select coalesce(max(seq), 0) from kept.event) as last_seq

-- name: runs_like
-- defaults: {"limit": 3}
select run_id from kept.run where starts_with(run_id, $prefix) order by row_seq desc limit $limit

-- name: preview
-- defaults: {"partition_key": null}
select json_extract(event.body, '$.preview') as preview
from kept.asset_partition as state join kept.event as event on event.seq = state.materialized_seq
where state.asset_key = $asset_key and state.partition_key is not distinct from $partition_key

-- name: step_words
-- defaults: {}
with latest as (
    select run_id, step_key, arg_max(status, row_seq) as status
    from kept.step where run_id in (select unnest($run_ids::varchar[])) group by run_id, step_key
)
select run_id, status, count(*) as steps from latest group by run_id, status order by run_id

-- name: automations
-- defaults: {"names": null}
select
    name, automation_type, notebook, is_on, crons, timezone, since_us, scheduled_us, evaluated_us, cursor, failures,
    used.last_run_key
from kept.automation
left join (
    select automation_name, arg_max(run_key, given_seq) as last_run_key from kept.run_key
    where run_id is not null and ($names is null or automation_name in (select unnest($names::varchar[])))
    group by automation_name
) as used on used.automation_name = name
where $names is null or name in (select unnest($names::varchar[]))
order by name

-- name: unfinished_ticks
-- defaults: {}
select tick_id, automation_name, scheduled_us, evaluated_us, details
from kept.tick
where status = 'STARTED' and automation_name in (select unnest($names::varchar[]))
order by row_seq

-- name: ticks
-- defaults: {"automation": null, "since": null, "status": null, "before": null, "until": null, "limit": 100}
select
    tick_id, automation_name, automation_type, status, scheduled_us as scheduled_at, evaluated_us as evaluated_at,
    ended_us as ended_at, skip_reason, cursor, run_ids, error, details
from kept.tick
where ($automation is null or automation_name = $automation)
    and ($since is null or evaluated_us >= $since)
    and ($until is null or evaluated_us < $until)
    and ($before is null or row_seq < (select row_seq from kept.tick where tick_id = $before))
    and ($status is null or status = $status)
order by row_seq desc
limit $limit

-- name: run_keys
-- defaults: {"limit": 100}
select run_key, run_id, tick_id from kept.run_key
where automation_name = $automation and run_id is not null
    and given_seq > coalesce((select keys_reset_seq from kept.automation where name = $automation), 0)
order by given_seq desc
limit $limit

-- name: used_run_keys
-- defaults: {}
select run_key from kept.run_key
where automation_name = $automation and run_id is not null and run_key in (select unnest($keys::varchar[]))
    and given_seq > coalesce((select keys_reset_seq from kept.automation where name = $automation), 0)

-- name: open_runs_of
-- defaults: {}
select run_id, trigger_name from kept.run
where status not in ('SUCCESS', 'FAILURE', 'CANCELED') and trigger_name in (select unnest($trigger_names::varchar[]))
order by row_seq

-- name: new_materializations
-- defaults: {"partitions": null, "newest_first": false}
select event.seq, event.event_type, event.run_id, event.step_key, event.occurred_us, event.body, run.job_name
from kept.materialization as made
join kept.event as event on event.seq = made.row_seq
left join kept.run as run on run.run_id = made.run_id
where made.asset_key = $asset_key and made.row_seq > $after
    and ($partitions is null or made.partition_key in (select unnest($partitions::varchar[])))
order by case when $newest_first then -event.seq else event.seq end
limit $limit

-- name: new_run_events
-- defaults: {"job_names": null, "newest_first": false}
select event.seq, event.event_type, event.run_id, event.step_key, event.occurred_us, event.body, run.job_name
from kept.event as event
left join kept.run as run on run.run_id = event.run_id
where event.seq > $after and event.event_type = $event_type
    and ($job_names is null or run.job_name in (select unnest($job_names::varchar[])))
order by case when $newest_first then -event.seq else event.seq end
limit $limit

-- name: latest_ticks
-- defaults: {}
select tick_id, automation_name, status, scheduled_us as scheduled_at, evaluated_us as evaluated_at, skip_reason,
    run_ids, error, details
from kept.tick
where row_seq in (select max(row_seq) from kept.tick group by automation_name)

-- name: last_ticks
-- defaults: {}
select row_seq as seq, tick_id, automation_name, status, scheduled_us as scheduled_at, evaluated_us as evaluated_at,
    ended_us as ended_at, skip_reason, cursor, run_ids, error, details
from kept.tick
where row_seq in (
    select max(row_seq) from kept.tick
    where automation_name in (select unnest($names::varchar[]))
    group by automation_name
)

-- name: newer_ticks
-- defaults: {}
select row_seq as seq, tick_id, automation_name, status, scheduled_us as scheduled_at, evaluated_us as evaluated_at,
    ended_us as ended_at, skip_reason, cursor, run_ids, error, details
from kept.tick
where (row_seq > $after or tick_id in (select unnest($open::varchar[])))
    and automation_name in (select unnest($names::varchar[]))
order by row_seq

-- name: tick_marks
-- defaults: {}
select automation_name, coalesce(scheduled_us, evaluated_us) // $bucket as bucket,
    max(case status when 'FAILURE' then 4 when 'MISSED' then 2 when 'SKIPPED' then 1 else 3 end) as level
from kept.tick
where evaluated_us >= $since and automation_name in (select unnest($names::varchar[]))
group by all

-- name: tick_events
-- defaults: {}
select body from kept.event
where seq >= (select row_seq from kept.tick where tick_id = $tick_id) and event_type like 'TICK%'
    and body ->> 'tick_id' = $tick_id
order by seq
limit 2

-- name: latest_conditions
-- defaults: {}
select asset_key, why, tree from kept.condition
qualify row_number() over (partition by asset_key order by row_seq desc) = 1

-- name: conditions_of
-- defaults: {"limit": 1}
select found.asset_key, found.occurred_us as evaluated_at, found.automation_name, found.tick_id, found.requested,
    found.why, found.tree, tick.status, coalesce(tick.run_ids, '[]'::json) as run_ids
from kept.condition as found
left join kept.tick as tick on tick.tick_id = found.tick_id
where found.asset_key = $asset_key
order by found.row_seq desc
limit $limit

-- name: cells_of
-- defaults: {}
select name, source, options, deps
from kept.definition where kind = 'cell' and not forgotten and notebook is not distinct from $notebook

-- name: backfills
-- defaults: {"backfill_ids": null, "is_open": null, "before": null, "limit": 100}
select
    backfill.backfill_id, backfill.status, backfill.job_name, backfill.notebook, backfill.client_id,
    backfill.requested_us as requested_at, backfill.ended_us as ended_at, told.selection, told.partitions, told.done,
    told.failed, told.not_run, told.canceled, told.running, told.error
from kept.backfill as backfill
join backfills as told on told.backfill_id = backfill.backfill_id
where ($backfill_ids is null or backfill.backfill_id in (select unnest($backfill_ids::varchar[])))
    and ($is_open is null or (backfill.ended_us is null) = $is_open)
    and ($before is null or backfill.requested_us < $before)
order by backfill.row_seq desc
limit $limit

-- name: open_backfills
-- defaults: {}
select backfill_id, notebook, client_id from kept.backfill where ended_us is null order by row_seq desc

-- name: backfills_called
-- defaults: {}
select backfill_id from kept.backfill where starts_with(backfill_id, $beginning) order by row_seq desc

-- name: backfill
-- defaults: {}
select backfill_id, status, job_name, notebook, client_id, requested_us as requested_at, ended_us as ended_at, details
from kept.backfill where backfill_id = $backfill_id

-- name: runs_of_backfill
-- defaults: {}
select
    run_id, status, (tags ->> '.jobkernel/backfill_run')::integer as number, root_run_id, reason,
    (tags ->> 'dagster/will_retry') = 'true' as is_tried_again, error
from kept.run
where row_seq > (select row_seq from kept.backfill where backfill_id = $backfill_id)
    and tags ->> 'dagster/backfill' = $backfill_id
order by row_seq
