/** One of each message, from the flights example: the contract that both sides' tests read. */
import { automationOf, preview, tick } from './automation';
import { detailsOf, runOf } from './facts';
import { flightsGraph, now, flightsStatus, runs, snapshotOf, status } from './fixtures';
import { packed } from './pack';
import { NO_STATUS } from '../src/changes';
import type { NodeStatus, SentStatusMap, StatusMap } from '../src/protocol';

const full = snapshotOf('flights');
const rows = runs().slice(0, 5);
const sent = (statuses: StatusMap): SentStatusMap =>
  Object.fromEntries(
    Object.entries(statuses).map(([key, one]) => [
      key,
      Object.fromEntries(Object.entries(one).filter(([name, value]) => value !== NO_STATUS[name as keyof NodeStatus]))
    ])
  );
const snapshot = { ...full, runs: rows, status: sent(full.status) };
const exchange = (id: number, op: string, fields: object, result: unknown) => ({
  request: { id, op, ...fields },
  reply: { id, ok: true, result }
});
const refused = (id: number, op: string, fields: object, error: string) => ({
  request: { id, op, ...fields },
  reply: { id, ok: false, error }
});

export const examples: Record<string, unknown> = {
  snapshot,
  push_status: {
    push: 'status',
    seq: 2,
    status: sent({ weather: status('fresh', { rows: 26_115 }) }),
    runs: [{ ...rows[2], status: 'SUCCESS', cancel: null }],
    backfills: [{ ...full.backfills[0], status: 'CANCELING' }],
    queue: { paused: true, waiting: 1, pools: [] }
  },
  push_graph: { push: 'graph', seq: 3, snapshot: { ...snapshot, seq: 3 } },
  push_automation: {
    push: 'status',
    seq: 4,
    status: {},
    runs: [],
    automation: {
      rows: [
        { name: 'monthly_archive', on: true, next: [now + 3_600_000] },
        {
          name: 'weather_sensor',
          last: tick('SUCCESS', now, { run_ids: ['90c4aa18d1'] }),
          strip: { first: Math.floor(now / 360_000), marks: 'r' }
        }
      ],
      unrun: ['airlines'],
      pin: null
    }
  },
  push_gone: { push: 'gone', reason: 'jobkernel was unloaded' },
  exchange_snapshot: exchange(1, 'snapshot', {}, snapshot),
  exchange_layout: exchange(2, 'layout', { job: null, focus: null, direction: 'LR' }, packed(flightsGraph('LR'))),
  exchange_select: exchange(3, 'select', { text: 'status:stale' }, { keys: ['clean_flights', 'delay_by_carrier'] }),
  exchange_select_refused: refused(4, 'select', { text: 'sinks(' }, "Selection 'sinks(' needs a closing bracket."),
  exchange_details_stale: exchange(
    5,
    'details',
    { key: 'clean_flights' },
    detailsOf('clean_flights', flightsStatus().clean_flights)
  ),
  exchange_details_failed: exchange(
    6,
    'details',
    { key: 'flights_weather' },
    detailsOf('flights_weather', flightsStatus().flights_weather)
  ),
  exchange_details_never: exchange(7, 'details', { key: 'airlines' }, detailsOf('airlines', flightsStatus().airlines)),
  exchange_plan: exchange(
    8,
    'plan',
    { keys: ['delay_by_carrier'], scope: 'only' },
    { keys: ['delay_by_carrier'], missing_upstream: ['airlines'], expected_s: 6.1, text: '1 step, ~6 s' }
  ),
  exchange_partitions: exchange(
    41,
    'partitions',
    { key: 'clean_flights', text: '2024-01', status: null },
    {
      rows: [
        { key: '2024-01-02', status: 'never', at: null, run_id: null, error: null },
        { key: '2024-01-01', status: 'fresh', at: Date.UTC(2026, 2, 3, 10), run_id: '7f3a91c2e0', error: null }
      ],
      found: 31
    }
  ),
  exchange_materialize_partitions: exchange(
    42,
    'materialize_partitions',
    { key: 'clean_flights', partition: 'missing' },
    { run_id: null, text: '30 partitions, backfill 7f3a91c2' }
  ),
  exchange_materialize: exchange(
    9,
    'materialize',
    { keys: ['clean_flights'], scope: 'downstream', include_missing: false },
    { run_id: '90c4aa18d1' }
  ),
  exchange_materialize_refused: refused(
    10,
    'materialize',
    { keys: ['delay_by_carrier'], scope: 'only', include_missing: false },
    "Asset 'delay_by_carrier' needs 'airlines', which was never made."
  ),
  exchange_launch: exchange(11, 'launch', { job: 'daily_report' }, { run_id: '90c4aa18d1' }),
  exchange_cancel: exchange(12, 'cancel', { run_id: '90c4aa18d1', force: false }, { text: 'interrupts the query' }),
  exchange_reexecute: exchange(
    13,
    'reexecute',
    { run_id: '7f3a91c2e0', from_failure: true, steps: [] },
    { run_id: 'a0d58c33f1' }
  ),
  exchange_replan: exchange(
    17,
    'replan',
    { run_id: '7f3a91c2e0', from_failure: false, steps: ['flights_weather*'] },
    { steps: ['flights_weather', 'delay_vs_weather'], expected_s: 21, text: '2 steps, ~21 s' }
  ),
  exchange_runs: exchange(
    14,
    'runs',
    { job: 'daily_report', status: null, before: null, limit: 50 },
    { rows, more: true, backfills: full.backfills }
  ),
  exchange_cancel_backfill: exchange(
    43,
    'cancel_backfill',
    { backfill_id: 'qwertzui', force: false },
    { text: '8 partitions are not launched; 1 running run is canceled' }
  ),
  exchange_retry_backfill: exchange(
    44,
    'retry_backfill',
    { backfill_id: 'asdfghjk' },
    { text: '40 partitions of clean_flights, flights_weather' }
  ),
  exchange_resume_backfill: exchange(
    45,
    'resume_backfill',
    { backfill_id: 'yxcvbnml' },
    { text: '7 partitions of planes' }
  ),
  exchange_run: exchange(15, 'run', { run_id: '7f3a91c2e0' }, runOf('7f3a91c2e0')),
  exchange_log: exchange(
    16,
    'log',
    { run_id: '7f3a91c2e0', step_key: null, after: 6 },
    { lines: runOf('7f3a91c2e0').log.slice(6), ended: true }
  ),
  exchange_automation: exchange(18, 'automation', { name: 'weather_sensor' }, automationOf('weather_sensor')),
  exchange_ticks: exchange(
    19,
    'ticks',
    { name: 'weather_sensor', status: 'FAILURE', before: null, limit: 20 },
    { rows: automationOf('weather_sensor').ticks.slice(3, 4), more: false }
  ),
  exchange_tick: exchange(20, 'tick', { tick_id: 'weather_sensor@1' }, { log: preview().log, error: null }),
  exchange_scheduler: exchange(21, 'scheduler', {}, { alive: true, turned_at: now - 400 }),
  exchange_switch: exchange(22, 'switch', { name: 'monthly_archive', on: true }, { on: true, next: [now + 3_600_000] }),
  exchange_switch_refused: refused(
    23,
    'switch',
    { name: 'monthly', on: true },
    "No schedule or sensor 'monthly' is defined in this notebook. Did you mean 'monthly_archive'?"
  ),
  exchange_set_cursor: exchange(24, 'set_cursor', { name: 'weather_sensor', cursor: '7' }, { cursor: '7' }),
  exchange_reset_keys: exchange(
    25,
    'reset_keys',
    { name: 'weather_sensor', keys: ['weather-2013-04'] },
    { text: 'The run key may be used again.' }
  ),
  exchange_preview: exchange(26, 'preview', { name: 'weather_sensor', cursor: '7' }, preview()),
  exchange_launch_preview: exchange(27, 'launch_preview', { token: '1' }, { run_ids: ['90c4aa18d1'] })
};
