/** Made-up backfills for the development page and the contract: one goes on, one failed, one was left. */
import type { BackfillRow } from '../src/protocol';
import { HOUR, MIN, now } from './times';

export const backfillRow = (backfill_id: string, more: Partial<BackfillRow> = {}): BackfillRow => ({
  backfill_id,
  title: 'daily_report',
  job_name: 'daily_report',
  status: 'REQUESTED',
  requested_at: now - 17 * MIN,
  ended_at: null,
  partitions: 12,
  done: 2,
  failed: 1,
  not_run: 0,
  canceled: 0,
  running: 1,
  waiting: 8,
  notebook: null,
  error: 'failed: 2013-03',
  left: false,
  cancel: 'starts none of the 8 waiting partitions, asks the 1 running to stop',
  again: null,
  ...more
});

export const backfills = (): BackfillRow[] => [
  backfillRow('qwertzui'),
  backfillRow('asdfghjk', {
    title: 'clean_flights, flights_weather',
    status: 'COMPLETED_FAILED',
    requested_at: now - 7 * HOUR,
    ended_at: now - 7 * HOUR + 4 * MIN,
    partitions: 10_000,
    done: 9_960,
    failed: 12,
    not_run: 28,
    running: 0,
    waiting: 0,
    error: "KeyError: 'visib'",
    cancel: null,
    again: 'runs again 12 failed, 28 not run'
  }),
  backfillRow('yxcvbnml', {
    title: 'planes',
    requested_at: now - 10.5 * HOUR,
    done: 5,
    failed: 0,
    running: 0,
    waiting: 7,
    notebook: 'planes.ipynb',
    error: null,
    left: true,
    cancel: 'its kernel is gone; what it had not launched never is',
    again: 'goes on with the 7 partitions that its kernel left'
  })
];
