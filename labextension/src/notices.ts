/**
 * Which ends of runs are worth a notification, and its words. Pure but for what it remembers; called by the
 * extension, which shows them.
 */
import { backfillOf, isOpen, tallyWords } from './backfills';
import { isActive } from './protocol';
import type { BackfillRow, Push, RunRow } from './protocol';
import { duration } from './words';

export type Wanted = 'all' | 'failures' | 'off';
export interface Wishes {
  wanted: Wanted;
  /** A success is told of when the run took longer than so many seconds. */
  longer: number;
}
export interface Told {
  tone: 'error' | 'success';
  text: string;
}

/** Finds the runs and backfills that ended since the kernel's first snapshot, each end once. */
export class Ends {
  private known: Set<string> | null = null;

  take(push: Push): { runs: RunRow[]; backfills: BackfillRow[] } {
    if (push.push === 'gone') {
      this.known = null;
      return { runs: [], backfills: [] };
    }
    const told = push.push === 'graph' ? push.snapshot : push;
    const isFirst = this.known === null;
    const known = (this.known ??= new Set());
    const isNew = (end: string) => !known.has(end) && Boolean(known.add(end)) && !isFirst;
    return {
      runs: told.runs.filter(run => !isActive(run) && isNew(run.run_id)),
      backfills: (told.backfills ?? []).filter(row => !isOpen(row) && isNew(endOf(row)))
    };
  }
}

/** A backfill ends again when it is retried. */
export const endOf = (row: BackfillRow): string => `${row.backfill_id} ${row.ended_at}`;

/** What to say of a backfill's end, or nothing. */
export function noticeOfBackfill(row: BackfillRow, { wanted, longer }: Wishes): Told | null {
  if (wanted === 'off' || row.notebook !== null) {
    return null;
  }
  const about = `Backfill of ${row.title}`;
  if (row.status === 'COMPLETED_FAILED' || row.status === 'FAILED') {
    return { tone: 'error', text: `${about} failed\n${[tallyWords(row), row.error].filter(Boolean).join('\n')}` };
  }
  const took = ((row.ended_at ?? 0) - (row.requested_at ?? 0)) / 1000;
  return row.status === 'COMPLETED_SUCCESS' && wanted === 'all' && took > longer
    ? { tone: 'success', text: `${about} succeeded\nIt took ${duration(took)}.` }
    : null;
}

/**
 * What to say of a run's end, or nothing: a failure that is retried by itself is not the end of it, and of a backfill
 * only its own end is told.
 */
export function noticeOf(run: RunRow, { wanted, longer }: Wishes): Told | null {
  if (wanted === 'off' || run.notebook !== null || backfillOf(run) !== null) {
    return null;
  }
  if (run.status === 'FAILURE' && run.tags['dagster/will_retry'] !== 'true') {
    return { tone: 'error', text: `${run.title} failed${run.error ? `\n${run.error.split('\n')[0]}` : ''}` };
  }
  if (run.status === 'SUCCESS' && wanted === 'all' && (run.duration_s ?? 0) > longer) {
    return { tone: 'success', text: `${run.title} succeeded\nIt took ${duration(run.duration_s)}.` };
  }
  return null;
}
