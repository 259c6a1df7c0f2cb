import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '../dev/fixtures';
import { age, count, dayTime, duration, factOf, logClass, progressOf, stepsWords, urgent } from '../src/words';

const NOW = Date.UTC(2026, 2, 3, 12, 0, 0);
const ago = (seconds: number) => NOW - seconds * 1000;

test('ages are short and rounded down', () => {
  const ages = [null, ago(3), ago(59), ago(119), ago(7199), ago(90_000), NOW + 5000].map(at => age(at, NOW));
  assert.deepEqual(ages, ['', 'now', '59 s', '1 min', '1 h', '1 d', 'now']);
});

test('durations say milliseconds to hours', () => {
  const said = [null, 0, 0.012, 0.8, 9.96, 42.3, 76, 3599.6, 7500].map(duration);
  assert.deepEqual(said, ['', '0 ms', '12 ms', '0.8 s', '10 s', '42 s', '1 m 16 s', '1 h 00 m', '2 h 05 m']);
});

test('counts carry separators and a true minus', () => {
  assert.deepEqual([count(327346), count(-5)], ['327,346', '−5']);
});

test('days near now are named', () => {
  const noon = new Date(2026, 2, 3, 12).getTime();
  const at = (days: number) => dayTime(new Date(2026, 2, 3 - days, 6).getTime(), noon);
  assert.deepEqual([at(0), at(1), at(3)], ['today 06:00', 'yesterday 06:00', 'Sat 06:00']);
});

test('a card says what is most urgent', () => {
  const said = (s: Parameters<typeof urgent>[0]) => urgent(s, NOW).text;
  assert.equal(said(status('running', { started_at: ago(12), usual_s: 40 })), '12 s of ~40 s');
  assert.equal(said(status('running', { started_at: ago(0) })), '0 s');
  assert.equal(said(status('failed', { at: ago(360) })), 'failed · 6 min');
  assert.equal(said(status('stale', { cause: 'code', at: ago(7200) })), 'code · 2 h');
  assert.equal(said(status('fresh', { edited: true, at: ago(90_000) })), 'edited · 1 d');
  assert.equal(said(status('fresh', { at: ago(7200) })), '2 h');
  assert.equal(said(undefined), 'never run');
});

test('a row says how many partitions are made, and why it is stale', () => {
  const bar = { of: 9, made: 3, missing: 6, failed: 0, stale: 0, running: 0, text: '3 of 9 made', cells: '' };
  const said = (more: object) => factOf(status('stale', { at: ago(7200), partitions: bar, ...more }), NOW);
  assert.equal(said({}), '3 of 9');
  assert.equal(said({ cause: 'code', partitions: { ...bar, stale: 1 } }), 'code changed');
  assert.equal(said({ partitions: null }), 'stale');
  assert.equal(factOf(status('failed', { error: 'OSError: gone' }), NOW), 'OSError');
});

test('progress by the clock never claims to be done', () => {
  const running = status('running', { started_at: ago(100), usual_s: 10 });
  assert.equal(progressOf(running, NOW), 0.97);
  assert.equal(progressOf({ ...running, progress: 0.5 }, NOW), 0.5);
  assert.equal(progressOf({ ...running, usual_s: null }, NOW), null);
});

test('a failure event counts as an error, stderr as info', () => {
  const line = { at: 0, step_key: null, seq: 0 };
  assert.equal(logClass({ ...line, level: 'event', text: 'STEP_FAILURE x' }), 'error');
  assert.equal(logClass({ ...line, level: 'stderr', text: 'STEP_FAILURE x' }), 'info');
  assert.equal(logClass({ ...line, level: 'CRITICAL', text: '' }), 'error');
});

test('steps are summed in words', () => {
  const step = (word: 'fresh' | 'failed' | 'skipped') => ({
    step_key: 'x',
    status: word,
    attempts: [],
    started_at: null,
    ended_at: null,
    duration_s: null,
    usual_s: null,
    reason: null
  });
  assert.equal(
    stepsWords([step('fresh'), step('failed'), step('skipped'), step('skipped')]),
    '1 done, 1 failed, 2 not run'
  );
});
