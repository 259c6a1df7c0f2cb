/** Backfills, as the kernel tells them (jobkernel/notebook/backfill_rows.py): a run for each partition, or range. */
import type { Millis } from './words';

export type BackfillStatus =
  'REQUESTED' | 'CANCELING' | 'CANCELED' | 'COMPLETED_SUCCESS' | 'COMPLETED_FAILED' | 'FAILED';

/** All counts are of partitions; together they are `partitions`. */
export interface BackfillRow {
  backfill_id: string;
  /** What it makes, as it was asked for. */
  title: string;
  job_name: string;
  status: BackfillStatus;
  requested_at: Millis;
  ended_at: Millis;
  partitions: number;
  done: number;
  failed: number;
  not_run: number;
  canceled: number;
  running: number;
  waiting: number;
  /** The other notebook whose backfill it is. */
  notebook: string | null;
  error: string | null;
  /** Whether it is not over and its kernel is gone. */
  left: boolean;
  /** What the next press on Cancel does; null where it is over. */
  cancel: string | null;
  /** What running the rest does; null where nothing is left to run, or it goes on. */
  again: string | null;
}
