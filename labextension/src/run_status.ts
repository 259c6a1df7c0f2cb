/** Which statuses of runs are active, and how they are drawn. */
import type { RunStatus, StatusWord } from './protocol';

export const ACTIVE: readonly RunStatus[] = ['QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING'];
export const isActive = (run: { status: RunStatus }): boolean => ACTIVE.includes(run.status);

const RUN_GLYPH: Record<RunStatus, StatusWord> = {
  QUEUED: 'queued',
  NOT_STARTED: 'queued',
  STARTING: 'running',
  STARTED: 'running',
  SUCCESS: 'fresh',
  FAILURE: 'failed',
  CANCELING: 'running',
  CANCELED: 'canceled'
};
export const runGlyph = (status: RunStatus): StatusWord => RUN_GLYPH[status] ?? 'never';
