import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runs, snapshotOf, status } from '../dev/fixtures';
import {
  announcement,
  applyStatus,
  changedWords,
  countWords,
  detailsOutdated,
  keysOf,
  mergeRuns,
  NO_STATUS,
  whole
} from '../src/changes';
import { matchesHere } from '../src/search';

const SNAPSHOT = snapshotOf('flights');

test('a push replaces only the statuses it names', () => {
  const pushed = status('running');
  const after = applyStatus(SNAPSHOT, { push: 'status', seq: 2, status: { planes: pushed }, runs: [] });
  assert.deepEqual(after.status.planes, pushed);
  assert.equal(after.status.weather, SNAPSHOT.status.weather);
  assert.equal(after.seq, 2);
});

test('a status has again what it left out on the wire', () => {
  const sent = { ...SNAPSHOT, status: { planes: { status: 'fresh' as const, rows: 0 }, weather: {} } };
  const { planes, weather } = whole(sent).status;
  assert.deepEqual(planes, { ...NO_STATUS, status: 'fresh', rows: 0 });
  assert.deepEqual(weather, NO_STATUS);
  assert.equal(weather.status, 'never');
});

test('a push older than the snapshot changes nothing', () => {
  const late = { push: 'status', seq: 0, status: { planes: status('failed') }, runs: [] } as const;
  assert.equal(applyStatus(SNAPSHOT, { ...late, runs: [] }), SNAPSHOT);
});

test('a changed run takes the place of its row, a new one stands first', () => {
  const [queued, started, ...rest] = runs();
  const ended = { ...started, status: 'SUCCESS' as const };
  const fresh = { ...queued, run_id: 'new', queued_at: Date.now() + 1 };
  const merged = mergeRuns([queued, started, ...rest], [ended, fresh]);
  assert.deepEqual(
    merged.slice(0, 3).map(run => [run.run_id, run.status]),
    [
      ['new', 'QUEUED'],
      [queued.run_id, 'QUEUED'],
      [started.run_id, 'SUCCESS']
    ]
  );
  assert.equal(merged.length, rest.length + 3);
});

test('at most the limit of runs is kept', () => {
  assert.equal(mergeRuns(runs(), [{ ...runs()[0], run_id: 'one more' }], 10).length, 10);
});

test('counts go from worst to best and leave out what is not there', () => {
  assert.deepEqual(countWords(['a', 'b', 'c'], { a: status('fresh'), b: status('failed') }), [
    ['failed', 1],
    ['never', 1],
    ['fresh', 1]
  ]);
});

test('the keys of a job are its own, those of the project all', () => {
  assert.equal(keysOf(SNAPSHOT, 'nightly').length, 3);
  assert.equal(keysOf(SNAPSHOT, null).length, 12);
});

test('ops are not counted beside assets', () => {
  const made = { ...SNAPSHOT, status: { a: status('fresh'), 'op:nightly/a': status('fresh') } };
  assert.deepEqual(keysOf(made, null), ['a']);
});

test('only changed words are announced, in one sentence', () => {
  const before = { a: status('fresh'), b: status('fresh') };
  assert.deepEqual(changedWords(before, { ...before, a: status('fresh', { rows: 3 }) }), []);
  assert.equal(announcement(before, before), '');
  assert.equal(announcement(before, { ...before, a: status('failed') }), 'a is failed.');
  assert.equal(announcement(before, { a: status('failed'), b: status('running') }), '1 failed, 1 running.');
});

test('progress alone does not make shown details outdated', () => {
  const one = status('running', { progress: 0.1 });
  assert.equal(detailsOutdated(one, { ...one, progress: 0.2 }), false);
  assert.equal(detailsOutdated(one, { ...one, status: 'failed' }), true);
});

test('plain words and one status are found without the kernel, the rest is asked', () => {
  const { status: known } = SNAPSHOT;
  assert.deepEqual([...(matchesHere('FLIGHTS', known) ?? [])], ['raw_flights', 'clean_flights', 'flights_weather']);
  assert.deepEqual([...(matchesHere('status:missing', known) ?? [])], ['airlines']);
  assert.equal(matchesHere('status:stale or x', known), null);
  assert.equal(matchesHere('+planes', known), null);
});
