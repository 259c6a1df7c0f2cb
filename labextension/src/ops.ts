/** Where an op stands that jobs use: its last run, and the job that a press can run. Pure; called by the strips. */
import { NO_STATUS } from './changes';
import type { NodeStatus, OpRow, StatusMap, StatusWord } from './protocol';

const WORST: readonly StatusWord[] = ['running', 'failed', 'queued', 'canceled', 'skipped', 'fresh'];

const isAtWork = (word: StatusWord): boolean => word === 'running' || word === 'queued';

/** The status of an op in the last run of a job that uses it; of a mapped op, of the copy that is worst off. */
export function statusOfOp(op: OpRow, status: StatusMap): NodeStatus {
  const keys = op.uses.flatMap(use => use.keys);
  const held = Object.keys(status)
    .filter(key => key.startsWith('op:'))
    .filter(key => keys.includes(key) || keys.includes(key.replace(/\[[^\]]*\]$/, '')));
  const ran = held.map(key => status[key]).filter(each => each.run_id !== null);
  const active = ran.find(each => isAtWork(each.status));
  const last = active ?? [...ran].sort((a, b) => (b.at ?? 0) - (a.at ?? 0))[0];
  const same = ran.filter(each => each.run_id === last?.run_id);
  return same.sort((a, b) => WORST.indexOf(a.status) - WORST.indexOf(b.status))[0] ?? NO_STATUS;
}

/** Which jobs use it, in words. */
export function usesOf(op: OpRow): string {
  const jobs = op.uses.map(use => use.job);
  return jobs.length ? `op · used by ${jobs.length === 1 ? 'job' : 'jobs'} ${jobs.join(', ')}` : 'op · used by no job';
}
