/**
 * Which ends of runs are worth a notification, and its words. Pure but for what it remembers; called by the
 * extension, which shows them.
 */
import { isActive } from './protocol';
import type { Push, RunRow } from './protocol';
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

/** Finds the runs that ended since the kernel's first snapshot, each once. */
export class Ends {
  private known: Set<string> | null = null;

  take(push: Push): RunRow[] {
    if (push.push === 'gone') {
      this.known = null;
      return [];
    }
    const rows = push.push === 'graph' ? push.snapshot.runs : push.runs;
    const ended = rows.filter(run => !isActive(run) && !this.known?.has(run.run_id));
    const isFirst = this.known === null;
    this.known ??= new Set();
    ended.forEach(run => this.known?.add(run.run_id));
    return isFirst ? [] : ended;
  }
}

/** What to say of a run's end, or nothing: a failure that is retried by itself is not the end of it. */
export function noticeOf(run: RunRow, { wanted, longer }: Wishes): Told | null {
  if (wanted === 'off' || run.notebook !== null) {
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
