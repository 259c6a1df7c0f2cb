/**
 * How backfills are said and drawn, and where they stand among runs: their runs stand under them. Pure; called by the
 * list of runs.
 */
import { grouped } from './groups';
import type { Placed } from './groups';
import type { BackfillRow, BackfillStatus, RunRow, StatusWord } from './protocol';
import { count } from './words';

export const isOpen = (row: BackfillRow): boolean => row.status === 'REQUESTED' || row.status === 'CANCELING';

const GLYPH: Record<BackfillStatus, StatusWord> = {
  REQUESTED: 'running',
  CANCELING: 'running',
  CANCELED: 'canceled',
  COMPLETED_SUCCESS: 'fresh',
  COMPLETED_FAILED: 'failed',
  FAILED: 'failed'
};
export const backfillGlyph = (row: BackfillRow): StatusWord =>
  row.left ? 'canceled' : row.status === 'REQUESTED' && !row.running && !row.done ? 'queued' : GLYPH[row.status];

const WORD: Record<BackfillStatus, string> = {
  REQUESTED: 'running',
  CANCELING: 'canceling',
  CANCELED: 'canceled',
  COMPLETED_SUCCESS: 'succeeded',
  COMPLETED_FAILED: 'failed',
  FAILED: 'failed'
};
export const backfillWord = (row: BackfillRow): string => (row.left ? 'left by its kernel' : WORD[row.status]);

/** `12 of 31 · 1 failed · 4 running · 14 waiting` */
export function tallyWords(row: BackfillRow): string {
  const rest: [number, string][] = [
    [row.failed, 'failed'],
    [row.not_run, 'not run'],
    [row.canceled, 'canceled'],
    [row.running, 'running'],
    [row.waiting, 'waiting']
  ];
  const said = rest.filter(([n]) => n).map(([n, word]) => `${count(n)} ${word}`);
  return [`${count(row.done)} of ${count(row.partitions)}`, ...said].join(' · ');
}

export type Share = [name: 'fresh' | 'failed' | 'running' | 'skipped' | 'never', part: number];

/** The bar: how much of it is made, failed, given up, running and still to come, each part at least visible. */
export function sharesOf(row: BackfillRow): Share[] {
  const all: Share[] = [
    ['fresh', row.done],
    ['failed', row.failed],
    ['skipped', row.not_run + row.canceled],
    ['running', row.running],
    ['never', row.waiting]
  ];
  const least = row.partitions / 40;
  return all.filter(([, n]) => n).map(([name, n]) => [name, Math.max(n, least)]);
}

const TAG = 'dagster/backfill';
export const backfillOf = (run: RunRow): string | null => run.tags[TAG] ?? null;

/** Newer rows replace rows of the same id. */
export function mergeBackfills(held: BackfillRow[], changed: BackfillRow[] | undefined): BackfillRow[] {
  if (!changed?.length) {
    return held;
  }
  const rows = new Map([...held, ...changed].map(row => [row.backfill_id, row]));
  return [...rows.values()].sort((a, b) => (b.requested_at ?? 0) - (a.requested_at ?? 0));
}

export type Entry = { backfill: BackfillRow; isShown: boolean } | { more: string } | (Placed & { of: string | null });

/**
 * What the list shows, newest first: runs, and backfills with the runs of those that are open under them; `open` says
 * of which there are more to read.
 */
export function entriesOf(
  runs: RunRow[],
  backfills: BackfillRow[],
  open: ReadonlyMap<string, { more: boolean }>
): Entry[] {
  const known = new Set(backfills.map(row => row.backfill_id));
  const isUnder = (run: RunRow) => known.has(backfillOf(run) ?? '');
  const entries: Entry[] = [];
  const rest = [...backfills];
  const put = (row: BackfillRow) => {
    const shown = open.get(row.backfill_id);
    entries.push({ backfill: row, isShown: shown !== undefined });
    if (shown) {
      const own = runs.filter(run => backfillOf(run) === row.backfill_id);
      entries.push(...grouped(own).map(placed => ({ ...placed, of: row.backfill_id })));
      entries.push(...(shown.more ? [{ more: row.backfill_id }] : []));
    }
  };
  for (const placed of grouped(runs.filter(run => !isUnder(run)))) {
    const begun = placed.run.queued_at ?? placed.run.started_at ?? Infinity;
    while (!placed.under && rest.length && (rest[0].requested_at ?? 0) > begun) {
      put(rest.shift() as BackfillRow);
    }
    entries.push({ ...placed, of: null });
  }
  rest.forEach(put);
  return entries;
}
