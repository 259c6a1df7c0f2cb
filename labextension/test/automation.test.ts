import assert from 'node:assert/strict';
import { test } from 'node:test';
import { automation, automationRow, tick } from '../dev/automation';
import { runs } from '../dev/fixtures';
import {
  BUCKET,
  bucketOf,
  changed,
  inWords,
  jumpWords,
  lastFace,
  merged,
  nextWords,
  ringsOf,
  stripPaths,
  tickWords,
  unrunWords
} from '../src/automation';
import { definitionOf, isAutomation } from '../src/cells';

const NOW = Date.UTC(2026, 2, 3, 12, 0, 0);

test('a change replaces the fields it names, and leaves other rows the same objects', () => {
  const held = automation();
  const after = changed(held, { rows: [{ name: 'daily_report', on: false }], unrun: ['x'] });
  assert.equal(after.rows[0].on, false);
  assert.equal(after.rows[0].when, held.rows[0].when);
  assert.equal(after.rows[1], held.rows[1]);
  assert.deepEqual(after.unrun, ['x']);
  assert.equal(after.pin, held.pin);
  assert.equal(changed(held, { rows: [], pin: null }).pin, null);
});

test('newer marks lie over older ones, and a day is kept', () => {
  assert.deepEqual(merged({ first: 0, marks: '' }, { first: 7, marks: 's' }), { first: 7, marks: 's' });
  assert.deepEqual(merged({ first: 5, marks: 's.s' }, { first: 7, marks: 'r' }), { first: 5, marks: 's.r' });
  assert.deepEqual(merged({ first: 5, marks: 'ss' }, { first: 6, marks: '.f' }), { first: 5, marks: 'ssf' });
  const day = merged({ first: 0, marks: 's'.repeat(240) }, { first: 300, marks: 'r' });
  assert.equal(day.first, 60);
  assert.equal(day.marks.length, 241);
});

test('each kind of mark has a height of its own, and what is older than a day is not drawn', () => {
  const today = bucketOf(NOW);
  const paths = stripPaths({ first: today - 3, marks: 'rsfm' }, NOW);
  assert.deepEqual(Object.keys(paths).sort(), ['f', 'm', 'r', 's']);
  assert.match(paths.r, /v-14h/);
  assert.match(paths.s, /v-3h/);
  assert.match(paths.f, /v-18h/);
  assert.deepEqual(stripPaths({ first: today - 241, marks: 'r' }, NOW), {});
});

test('coming looks are rings within the hour that is shown', () => {
  assert.deepEqual(ringsOf([NOW, NOW + 5 * BUCKET, NOW + 24 * 3_600_000], NOW), [96, 98]);
});

test('how far a look is, is said shortly', () => {
  assert.equal(inWords(NOW + 8000, NOW), 'in 8 s');
  assert.equal(inWords(NOW + 12 * 60_000, NOW), 'in 12 min');
  assert.equal(inWords(NOW + 22 * 3_600_000, NOW), 'in 22 h');
  assert.equal(inWords(NOW + 96 * 3_600_000, NOW), 'in 4 d');
  assert.equal(inWords(NOW - 1, NOW), 'now');
});

test('the next look is its moment, or why there is none', () => {
  const row = automationRow('a', { next: [NOW - 1, NOW + 60_000] });
  assert.equal(nextWords(row, NOW)[1], 'in 1 min');
  assert.deepEqual(nextWords({ ...row, on: false }, NOW), ['–', 'off']);
  assert.deepEqual(nextWords({ ...row, looking_since: NOW - 3000 }, NOW), ['looking', '3.0 s']);
  assert.deepEqual(nextWords({ ...row, next: [], owner: 'b.ipynb, process 1' }, NOW), ['–', 'elsewhere']);
});

test('a tick says what it did and why', () => {
  assert.equal(tickWords(tick('SKIPPED', NOW, { why: 'no new files' })), 'skipped: no new files');
  assert.equal(tickWords(tick('FAILURE', NOW, { why: 'KeyError: delay' })), 'KeyError: delay');
  assert.equal(tickWords(tick('SUCCESS', NOW, { run_ids: ['a', 'b'], why: '2 s late' })), '2 runs, 2 s late');
  assert.equal(tickWords(tick('MISSED', NOW, { why: 'nobody was there' })), 'nobody was there');
});

test('the last look shows what became of its one run', () => {
  const known = runs();
  const failed = known.find(run => run.status === 'FAILURE')!;
  const row = automationRow('a', { last: tick('SUCCESS', NOW - 60_000, { run_ids: [failed.run_id] }) });
  assert.deepEqual(lastFace(row, known, NOW), {
    glyph: 'failed',
    what: `run ${failed.run_id.slice(0, 4)} failed`,
    when: '1 min ago',
    tone: 'fail'
  });
  assert.equal(lastFace(row, [], NOW).what, '1 run');
  assert.equal(lastFace(automationRow('a', { on: false }), [], NOW).when, 'switched off');
});

test('a clock that jumped, and definitions that have not run, are said in a sentence', () => {
  const calm = { alive: true, lag_s: 0, jumped_at: null, jump_s: 0 };
  assert.equal(jumpWords(calm, NOW), '');
  assert.match(jumpWords({ ...calm, jumped_at: NOW, jump_s: 7200 }, NOW), /^the clock went 2 h 00 m ahead/);
  assert.equal(unrunWords(['a']), '1 definition of this notebook is known whose cells have not run in this kernel: a.');
  assert.match(unrunWords([...'abcdefgh']), /a, b, c, d, e, f and 2 more\.$/);
});

test('cells of schedules and sensors are known by their first line, switches are not', () => {
  const found = (source: string) => {
    const { kind, key } = definitionOf(source) ?? {};
    return kind && `${kind} ${key}`;
  };
  assert.equal(found('%%sensor look --job j --every 10s --on\n1'), 'sensor look');
  assert.equal(found('%%schedule --on --job j --cron "0 2 * * *" nightly\n1'), 'schedule nightly');
  assert.equal(found('%schedule nightly --job report --cron "0 2 * * *"'), 'schedule nightly');
  assert.equal(found('%job j a\n%schedule nightly --job j --cron "0 9 * * *" --on'), 'schedule nightly');
  assert.equal(found('%schedule nightly on'), undefined);
  assert.equal(isAutomation(definitionOf('%%asset a\n1')), false);
});
