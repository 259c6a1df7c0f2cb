/**
 * What a push does to what is on screen, and what differs between two states. Pure; called by the session.
 */
import { changed, NO_AUTOMATION } from './automation';
import { mergeBackfills } from './backfills';
import { isActive } from './protocol';
import { STATUS_ORDER } from './words';
import type {
  GraphNode,
  NodeStatus,
  RunRow,
  SentSnapshot,
  SentStatusMap,
  Snapshot,
  StatusMap,
  StatusPush,
  StatusWord
} from './protocol';

const RUNS_KEPT = 50;

/** What a status on the wire leaves out; the kernel's side is notebook/statuses.py. */
export const NO_STATUS: NodeStatus = {
  status: 'never',
  cause: null,
  at: null,
  started_at: null,
  usual_s: null,
  progress: null,
  checks_passed: 0,
  checks_failed: 0,
  checks_warned: 0,
  checks_blocking: 0,
  edited: false,
  error: null,
  kind: null,
  rows: null,
  run_id: null,
  waiting: null,
  again_at: null,
  partitions: null
};

/** Statuses with what they left out on the wire. */
export const filled = (sent: SentStatusMap): StatusMap =>
  Object.fromEntries(Object.entries(sent).map(([key, status]) => [key, { ...NO_STATUS, ...status }]));

/** A snapshot with what its statuses left out on the wire. */
export const whole = (sent: SentSnapshot): Snapshot => ({
  ...sent,
  status: filled(sent.status),
  backfills: sent.backfills ?? [],
  automation: sent.automation ?? NO_AUTOMATION
});

/** Return the snapshot with a status push applied; the same object when the push is older than what is shown. */
export function applyStatus(snapshot: Snapshot, push: StatusPush): Snapshot {
  if (push.seq < snapshot.seq) {
    return snapshot;
  }
  return {
    ...snapshot,
    seq: push.seq,
    status: { ...snapshot.status, ...filled(push.status) },
    runs: mergeRuns(snapshot.runs, push.runs, RUNS_KEPT),
    backfills: mergeBackfills(snapshot.backfills, push.backfills),
    queue: push.queue ?? snapshot.queue,
    automation: push.automation ? changed(snapshot.automation, push.automation) : snapshot.automation
  };
}

/** Whether a push tells of schedules and sensors and of nothing else. */
export const isOfAutomationOnly = (push: StatusPush, held: Snapshot): boolean =>
  push.automation !== undefined &&
  !push.runs.length &&
  !push.backfills?.length &&
  !Object.keys(push.status).length &&
  JSON.stringify(push.queue ?? held.queue) === JSON.stringify(held.queue);

/** Newer rows replace rows of the same id; newest first; at most `limit`, but for those at work. */
export function mergeRuns(held: RunRow[], changed: RunRow[], limit = Infinity): RunRow[] {
  if (!changed.length) {
    return held;
  }
  const rows = new Map(held.map(row => [row.run_id, row]));
  for (const row of changed) {
    rows.set(row.run_id, row);
  }
  const begun = (row: RunRow) => row.queued_at ?? row.started_at ?? Infinity;
  const ordered = [...rows.values()].sort((a, b) => begun(b) - begun(a));
  return ordered.filter((row, i) => i < limit || (isActive(row) && row.status !== 'QUEUED'));
}

/** Keys whose status word differs. */
export function changedWords(before: StatusMap, after: StatusMap): string[] {
  return Object.keys(after).filter(key => after[key] !== before[key] && after[key].status !== before[key]?.status);
}

/** Whether a details pane that shows `before` must be read again. */
export function detailsOutdated(before: NodeStatus | undefined, after: NodeStatus | undefined): boolean {
  const facts = (s: NodeStatus | undefined) =>
    s &&
    [s.status, s.cause, s.at, s.run_id, s.error, s.edited, s.waiting, s.again_at]
      .concat(s.checks_passed, s.checks_failed, s.checks_warned)
      .join('|');
  return facts(before) !== facts(after);
}

export type Counts = [StatusWord, number][];

/** How many of the keys stand where, worst first, words without any left out. */
export function countWords(keys: Iterable<string>, status: StatusMap): Counts {
  const counts = new Map<StatusWord, number>();
  for (const key of keys) {
    const word = status[key]?.status ?? 'never';
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return STATUS_ORDER.filter(word => counts.has(word)).map(word => [word, counts.get(word) as number]);
}

/** Keys with one of these status words. */
export const keysWith = (keys: readonly string[], status: StatusMap, word: StatusWord): string[] =>
  keys.filter(key => (status[key]?.status ?? 'never') === word);

/** What the keys of ops begin with in a map of statuses; assets have no colon. */
const OP = 'op:';

/** Every asset of the project, or of one job. Ops are steps of their job, which is launched as a whole. */
export function keysOf(snapshot: Snapshot, job: string | null): string[] {
  return job === null
    ? Object.keys(snapshot.status).filter(key => !key.startsWith(OP))
    : (snapshot.jobs.find(row => row.name === job)?.keys ?? []);
}

/** The nodes by key, for look-ups in one draw. */
export const nodesByKey = (nodes: GraphNode[]): Map<string, GraphNode> => new Map(nodes.map(node => [node.key, node]));

/** The statuses of these keys. */
export const picked = (status: StatusMap, keys: readonly string[]): StatusMap =>
  Object.fromEntries(keys.filter(key => key in status).map(key => [key, status[key]]));

/** One sentence for the live region, or nothing when no word changed. */
export function announcement(before: StatusMap, after: StatusMap): string {
  const changed = changedWords(before, after);
  if (!changed.length) {
    return '';
  }
  if (changed.length === 1) {
    return `${changed[0]} is ${after[changed[0]].status}.`;
  }
  const counts = countWords(changed, after);
  return `${counts.map(([word, n]) => `${n} ${word}`).join(', ')}.`;
}
