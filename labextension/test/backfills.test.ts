import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { backfillRow, backfills } from '../dev/backfills';
import { runs } from '../dev/fixtures';
import { FakeHost } from '../dev/host';
import { mount } from '../src/app';
import { backfillGlyph, backfillOf, entriesOf, mergeBackfills, sharesOf, tallyWords } from '../src/backfills';
import type { BackfillRow } from '../src/protocol';

const over = (more: Partial<BackfillRow>) => backfillRow('b', { ended_at: 1, running: 0, waiting: 0, ...more });

test('a tally says what is made of how many, then what else there is', () => {
  assert.equal(tallyWords(backfillRow('b')), '2 of 12 · 1 failed · 1 running · 8 waiting');
  assert.equal(tallyWords(over({ done: 12, failed: 0 })), '12 of 12');
  assert.equal(tallyWords(over({ not_run: 2, canceled: 7 })), '2 of 12 · 1 failed · 2 not run · 7 canceled');
});

test('the bar has a part for each count, and few among many are seen too', () => {
  assert.deepEqual(
    sharesOf(backfillRow('b')).map(([name]) => name),
    ['fresh', 'failed', 'running', 'never']
  );
  const [made, failed] = sharesOf(over({ partitions: 10_000, done: 9_999, failed: 1 }));
  assert.deepEqual([made[1], failed[1]], [9_999, 250]);
});

test('a backfill that waits, goes on, failed or was left is told by its glyph', () => {
  const glyphs = [
    backfillRow('b', { done: 0, running: 0 }),
    backfillRow('b'),
    over({ status: 'COMPLETED_FAILED' }),
    over({ status: 'COMPLETED_SUCCESS' }),
    backfillRow('b', { left: true })
  ].map(backfillGlyph);
  assert.deepEqual(glyphs, ['queued', 'running', 'failed', 'fresh', 'canceled']);
});

test('backfills stand among runs by their time, with their own runs only where they are shown', () => {
  const closed = entriesOf(runs(), backfills(), new Map());
  const names = closed.map(entry =>
    'backfill' in entry ? entry.backfill.backfill_id : 'run' in entry && entry.run.run_id
  );
  assert.deepEqual(names.slice(0, 5), ['c02d7713ee', 'qwertzui', '7f3a91c2e0', 'a0d58c33f1', 'asdfghjk']);
  assert.ok(!closed.some(entry => 'run' in entry && backfillOf(entry.run)));

  const open = entriesOf(runs(), backfills(), new Map([['qwertzui', { more: true }]]));
  assert.deepEqual(
    open.slice(1, 5).map(entry => ('run' in entry ? entry.of : 'more' in entry ? 'more' : entry.isShown)),
    [true, 'qwertzui', 'qwertzui', 'more']
  );
});

test('a run whose backfill is not known stands by itself', () => {
  const entries = entriesOf(runs(), [], new Map());
  assert.equal(entries.filter(entry => 'run' in entry && backfillOf(entry.run)).length, 2);
});

test('rows that were told anew replace those before them', () => {
  const [first, ...rest] = backfills();
  const told = { ...first, done: 3 };
  assert.deepEqual(mergeBackfills([first, ...rest], [told]), [told, ...rest]);
});

let host: FakeHost;
let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
const line = (id: string) => one(`[data-backfill="${id}"]`);
const asked = (op: string) => host.asked.filter(([name]) => name === op).map(([, fields]) => fields);

async function openRuns(): Promise<void> {
  host = new FakeHost('flights', true);
  unmount = mount(page.body, host);
  (await until(() => one('[data-tab="runs"]'))).click();
  await until(() => asked('runs').length && line('qwertzui'));
}
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

test('a backfill opens on what can be done and its runs, called by their partitions', async () => {
  await openRuns();
  line('qwertzui')?.click();
  const run = await until(() => one('[data-run="90c4aa18d1"]'));
  assert.equal(run.querySelector('.jk-job')?.textContent, '2013-04');
  assert.match(one('.jk-bfsaid')?.textContent ?? '', /failed: 2013-03Cancel: starts none of the 8 waiting/);
  assert.equal(asked('runs').at(-1)?.backfill, 'qwertzui');
  line('qwertzui')?.click();
  assert.equal(one('[data-run="90c4aa18d1"]'), null);
});

test('pushes move its counts in place, and cancel says what it did; a second press forces', async () => {
  await openRuns();
  const cancel = () => line('qwertzui')?.querySelector<HTMLElement>('.jk-rowstop');
  assert.match(cancel()?.title ?? '', /^Cancel: starts none of the 8/);
  cancel()?.click();
  await until(() => /8 partitions are not launched/.test(one('.jk-banner')?.textContent ?? ''));
  const canceling = backfillRow('qwertzui', { status: 'CANCELING', done: 3, canceled: 8, waiting: 0 });
  host.push({ push: 'status', seq: 9, status: {}, runs: [], backfills: [{ ...canceling, cancel: 'interrupts' }] });
  await until(() => /3 of 12 · 1 failed · 8 canceled · 1 running/.test(line('qwertzui')?.textContent ?? ''));
  cancel()?.click();
  await until(() => asked('cancel_backfill').length === 2);
  assert.deepEqual(asked('cancel_backfill'), [
    { backfill_id: 'qwertzui', force: false },
    { backfill_id: 'qwertzui', force: true }
  ]);
});

test('what failed is retried, and what a gone kernel left goes on', async () => {
  await openRuns();
  line('asdfghjk')?.querySelector<HTMLElement>('button[title^="Retry failed: runs again 12 failed"]')?.click();
  await until(() => asked('retry_backfill').length);
  line('yxcvbnml')?.click();
  const go = await until(() =>
    [...page.querySelectorAll<HTMLElement>('.jk-bfacts .jk-btn')].find(b => b.textContent === 'Go on')
  );
  go.click();
  await until(() => asked('resume_backfill').length);
});

test('arrow keys open and close a backfill, and the focus stays on it', async () => {
  await openRuns();
  line('qwertzui')?.focus();
  const press = (key: string) =>
    page.activeElement?.dispatchEvent(new window.KeyboardEvent('keydown', { key, bubbles: true }));
  press('ArrowRight');
  await until(() => one('[data-run="90c4aa18d1"]'));
  assert.equal((page.activeElement as HTMLElement).dataset.backfill, 'qwertzui');
  press('ArrowLeft');
  assert.equal(one('[data-run="90c4aa18d1"]'), null);
});

test('a way to a run and back leaves a backfill open, and one is shown when somebody points to it', async () => {
  await openRuns();
  line('qwertzui')?.click();
  (await until(() => one('[data-run="90c4aa18d1"]'))).click();
  (await until(() => one('.jk-rhead .jk-ib'))).click();
  await until(() => one('[data-run="90c4aa18d1"]'));
});
