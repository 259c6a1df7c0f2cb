import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runs } from '../dev/fixtures';
import { grouped } from '../src/groups';
import { backfillRow } from '../dev/backfills';
import { Ends, noticeOf, noticeOfBackfill } from '../src/notices';
import type { RunRow, Snapshot } from '../src/protocol';
import { againWords, retryWords, triggerWords, waitWords } from '../src/words';

const plain = runs().find(run => run.run_id === '7f3a91c2e0') as RunRow;
const row = (run_id: string, more: Partial<RunRow> = {}): RunRow => ({ ...plain, run_id, ...more });
const again = (run_id: string, root: string, more: Partial<RunRow> = {}) =>
  row(run_id, { parent_run_id: root, root_run_id: root, ...more });

test('what runs a run again stands below it, the group where its newest run is', () => {
  const placed = grouped([again('c', 'a'), row('other'), again('b', 'a'), row('a'), row('old')]);
  assert.deepEqual(
    placed.map(({ run, under }) => (under ? `↻ ${run.run_id}` : run.run_id)),
    ['a', '↻ c', '↻ b', 'other', 'old']
  );
});

test('without its root in the list each run stands for itself', () => {
  assert.deepEqual(
    grouped([again('c', 'a'), again('b', 'a')]).map(({ under }) => under),
    [false, false]
  );
});

test('what started a run and what follows it is said in words', () => {
  const retry = { 'dagster/retry_number': '2', 'dagster/is_resume_retry': 'true' };
  assert.equal(triggerWords(again('b', 'a', { trigger: 'retry', tags: retry })), 'retry 2');
  const resumed = { 'dagster/is_resume_retry': 'true' };
  assert.equal(triggerWords(again('b', 'a', { trigger: 'reexecution', tags: resumed })), 'run again from failure');
  assert.equal(triggerWords(row('a', { trigger: 'manual', tags: {} })), 'by hand');
  const tags = { 'dagster/will_retry': 'true', 'dagster/auto_retry_run_id': 'b2c3d4e5f6' };
  const failed = row('a', { status: 'FAILURE', tags });
  assert.equal(
    retryWords(failed, () => false),
    'will retry'
  );
  assert.equal(
    retryWords(failed, id => id === 'b2c3d4e5f6'),
    'retried as b2c3d4e5'
  );
  assert.equal(
    retryWords({ ...failed, tags: { 'dagster/will_retry': 'false' } }, () => true),
    ''
  );
  assert.equal(waitWords('waits: 1 of 1 runs are running'), '1 of 1 runs are running');
  assert.deepEqual([againWords(2500, 0), againWords(0, 10)], ['again in 3 s', 'again now']);
});

const first = (...rows: RunRow[]) => ({ push: 'graph', seq: 1, snapshot: { runs: rows } as Snapshot }) as const;
const later = (...rows: RunRow[]) => ({ push: 'status', seq: 2, status: {}, runs: rows }) as const;
const STARTED = { status: 'STARTED' } as const;
const ids = (rows: RunRow[]) => rows.map(run => run.run_id);

test('each end is found once, and none of those before the screen came', () => {
  const ends = new Ends();
  assert.deepEqual(ids(ends.take(first(row('old'), row('a', STARTED))).runs), []);
  assert.deepEqual(ids(ends.take(later(row('a', STARTED), row('quick'))).runs), ['quick']);
  assert.deepEqual(ids(ends.take(later(row('a'))).runs), ['a']);
  assert.deepEqual(ids(ends.take(later(row('a'))).runs), []);
  assert.deepEqual(ids(ends.take(first(row('old'), row('a'), row('quick'), row('b'))).runs), ['b']);
});

test('after a kernel went, what its successor finds is not news', () => {
  const ends = new Ends();
  ends.take(first());
  ends.take({ push: 'gone', reason: 'The kernel died' });
  assert.deepEqual(ids(ends.take(first(row('a'))).runs), []);
});

test('a notification is for failures and long successes of one’s own, as wished', () => {
  const all = { wanted: 'all', longer: 30 } as const;
  const failed = row('a', { title: '<b>sales</b>', status: 'FAILURE', error: "KeyError: 'x'\nmore", tags: {} });
  assert.deepEqual(noticeOf(failed, all), { tone: 'error', text: "<b>sales</b> failed\nKeyError: 'x'" });
  assert.equal(noticeOf(failed, { ...all, wanted: 'failures' })?.tone, 'error');
  assert.equal(noticeOf(failed, { ...all, wanted: 'off' }), null);
  assert.equal(noticeOf({ ...failed, notebook: 'other.ipynb' }, all), null);
  assert.equal(noticeOf({ ...failed, tags: { 'dagster/will_retry': 'true' } }, all), null);
  assert.equal(noticeOf({ ...failed, status: 'CANCELED' }, all), null);
  const done = { ...failed, status: 'SUCCESS', duration_s: 31 } as const;
  assert.match(noticeOf(done, all)?.text ?? '', /succeeded\nIt took 31 s/);
  assert.equal(noticeOf({ ...done, duration_s: 30 }, all), null);
  assert.equal(noticeOf(done, { ...all, wanted: 'failures' }), null);
});

test('of a backfill its own end is told, and not those of its runs', () => {
  const all = { wanted: 'all', longer: 30 } as const;
  const inside = row('a', { status: 'FAILURE', tags: { 'dagster/backfill': 'qwertzui' } });
  assert.equal(noticeOf(inside, all), null);
  const over = { running: 0, waiting: 0, ended_at: Date.now(), error: 'ValueError: no' };
  const failed = backfillRow('qwertzui', { ...over, status: 'COMPLETED_FAILED', not_run: 9 });
  assert.deepEqual(noticeOfBackfill(failed, all), {
    tone: 'error',
    text: 'Backfill of daily_report failed\n2 of 12 · 1 failed · 9 not run\nValueError: no'
  });
  assert.equal(noticeOfBackfill({ ...failed, notebook: 'other.ipynb' }, all), null);
  assert.equal(noticeOfBackfill({ ...failed, status: 'CANCELED' }, all), null);
  assert.match(noticeOfBackfill({ ...failed, status: 'COMPLETED_SUCCESS' }, all)?.text ?? '', /It took 17 m/);

  const ends = new Ends();
  const told = (rows: (typeof failed)[]) => ends.take({ ...later(), backfills: rows }).backfills.length;
  ends.take(first());
  assert.deepEqual([told([backfillRow('b')]), told([{ ...failed }]), told([{ ...failed }])], [0, 1, 0]);
  assert.equal(told([{ ...failed, ended_at: 5 }]), 1);
});
