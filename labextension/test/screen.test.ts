import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { FakeHost } from '../dev/host';
import { status } from '../dev/fixtures';
import { mount } from '../src/app';

let host: FakeHost;
let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
const text = (selector: string) => one(selector)?.textContent ?? '';

function open(project = 'flights'): void {
  host = new FakeHost(project, true);
  unmount = mount(page.body, host);
}
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

test('a snapshot becomes cards, counts and one filled button', async () => {
  open();
  await until(() => page.querySelectorAll('.jk-card').length === 10);
  assert.equal(text('.jk-sum'), '1failed2stale1never run1running7fresh');
  assert.deepEqual(
    [...page.querySelectorAll('.jk-btn.pri:not(.jk-half)')].map(b => b.textContent),
    ['Materialize 2 stale']
  );
  assert.equal(one('[data-key="airlines"]')?.getAttribute('aria-label'), 'airlines, never run, 4 of 4 in layer 1');
});

test('a status push changes the card in place', async () => {
  open();
  const card = await until(() => one('[data-key="planes"]'));
  host.push({ push: 'status', seq: 9, status: { planes: status('failed', { error: 'OSError: gone' }) }, runs: [] });
  await until(() => card.classList.contains('jk-failed'));
  assert.equal(one('[data-key="planes"]'), card);
  assert.match(text('.jk-sum'), /^2failed/);
  assert.equal(text('.jk-said'), 'planes is failed.');
});

test('names, errors and metadata are shown as text', async () => {
  open();
  host.push({ push: 'status', seq: 9, status: { '<img src=x onerror=alert(1)>': status('never') }, runs: [] });
  (await until(() => one('[data-key="clean_flights"]'))).click();
  await until(() => one('[data-section="metadata"]'));
  assert.equal(page.querySelectorAll('script, img[src="x"]').length, 0);
  assert.match(text('[data-section="metadata"]'), /<script>/);
});

test('the pane says the reason first and the code last', async () => {
  open();
  (await until(() => one('[data-key="clean_flights"]'))).click();
  await until(() => one('[data-section="code"]'));
  const names = [...page.querySelectorAll<HTMLElement>('[data-section]')].map(section => section.dataset.section);
  assert.deepEqual(names, ['reason', 'value', 'condition', 'metadata', 'checks', 'materializations', 'log', 'code']);
});

test('a table in the pane says what it leaves out', async () => {
  open();
  (await until(() => one('[data-key="clean_flights"]'))).click();
  await until(() => one('[data-section="value"]'));
  assert.equal(text('[data-section="value"] .jk-leftout'), '… and 327,342 more rows, 17 more columns');
});

test('a refusal for missing upstream offers to make it too', async () => {
  open();
  (await until(() => one('[data-key="delay_by_carrier"]'))).click();
  (await until(() => one('.jk-acts .jk-btn'))).click();
  const offer = await until(() => one('.jk-banner .jk-btn'));
  assert.equal(offer.textContent, 'Materialize with 1 missing upstream');
  offer.click();
  await until(() => one('[data-key="delay_by_carrier"]')?.classList.contains('jk-running'));
  assert.deepEqual(
    host.asked.filter(([op]) => op === 'materialize').map(([, fields]) => fields.include_missing),
    [false, true]
  );
});

test('a search dims what does not match', async () => {
  open();
  const input = (await until(() => one('.jk-input'))) as HTMLInputElement;
  input.focus();
  input.value = 'weather';
  input.dispatchEvent(new window.Event('input'));
  await until(() => one('[data-key="planes"]')?.classList.contains('jk-dim'));
  assert.equal(one('[data-key="weather"]')?.classList.contains('jk-dim'), false);
  assert.match(text('.jk-field.jk-grow'), /3 of 12/);
  assert.match(input.placeholder, /^Search or select: \+\w+, status:stale, kind:\w+$/);
});

test('a bad selection says so in the field', async () => {
  open();
  const input = (await until(() => one('.jk-input'))) as HTMLInputElement;
  input.focus();
  input.value = 'sinks(*))';
  input.dispatchEvent(new window.Event('input'));
  await until(() => one('.jk-field.jk-bad'));
  assert.match(text('.jk-field.jk-grow'), /closing bracket/);
});

test('a lost kernel dims the screen and a new snapshot brings it back', async () => {
  open();
  await until(() => one('.jk-card'));
  host.push({ push: 'gone', reason: 'The kernel stopped' });
  await until(() => one('.jk-gone .jk-banner'));
  assert.equal(one('.jk-body')?.hasAttribute('inert'), true);
  host.push({ push: 'graph', seq: 10, snapshot: host.initial! });
  await until(() => !one('.jk-gone'));
});

test('an empty project shows a first cell', async () => {
  open('empty');
  await until(() => /%%asset raw_flights/.test(text('.jk-state')));
});

test('a run shows its steps, its error before its log, and how to run it again', async () => {
  open();
  (await until(() => one('[data-tab="runs"]'))).click();
  (await until(() => one('[data-run="7f3a91c2e0"]'))).click();
  await until(() => page.querySelectorAll('.jk-gr').length === 8 && one('.jk-lg'));
  const order = [...page.querySelectorAll('.jk-gantt, .jk-err, .jk-logview')].map(part => part.className);
  assert.deepEqual(order, ['jk-gantt', 'jk-err', 'jk-logview']);
  assert.match(text('.jk-rhead'), /Re-run from failure/);
  one('[data-step="raw_flights"]')?.click();
  await until(() => page.querySelectorAll('.jk-log .jk-lg').length === 1);
});

test('keys open, select and leave', async () => {
  open();
  const card = await until(() => one('[data-key="clean_flights"]'));
  const press = (key: string, target: HTMLElement = card) =>
    target.dispatchEvent(new window.KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  press('Enter');
  await until(() => !one('.jk-pane')?.hidden);
  press('Escape');
  await until(() => one('.jk-pane')?.hidden);
  press('2');
  await until(() => one('.jk-runs'));
});

const openRuns = async (): Promise<void> => {
  open();
  (await until(() => one('[data-tab="runs"]'))).click();
  await until(() => one('.jk-rr'));
};
const openRun = async (run: string): Promise<void> => {
  await openRuns();
  await until(() => host.asked.some(([op]) => op === 'runs'));
  if (!one(`[data-run="${run}"]`)) {
    one('[data-backfill="qwertzui"]')?.click();
  }
  (await until(() => one(`[data-run="${run}"]`))).click();
  await until(() => one('.jk-gantt'));
};

test('a queued run says why it waits and what canceling it does', async () => {
  await openRuns();
  const row = await until(() => one('[data-run="c02d7713ee"]'));
  assert.match(row.textContent ?? '', /archiveprocesses.*2 of 2 runs are running/);
  const stop = row.querySelector<HTMLElement>('button');
  assert.equal(stop?.title, 'Cancel: it leaves the queue');
  stop?.click();
  await until(() => host.asked.some(([op]) => op === 'cancel'));
  assert.deepEqual(host.asked.find(([op]) => op === 'cancel')?.[1], { run_id: 'c02d7713ee', force: false });
});

test('runs that run a run again stand below it', async () => {
  await openRuns();
  const order = [...page.querySelectorAll<HTMLElement>('.jk-rr')].map(row => row.dataset.run);
  assert.equal(order.indexOf('a0d58c33f1'), order.indexOf('7f3a91c2e0') + 1);
  assert.match(one('[data-run="41c0b7de11"]')?.textContent ?? '', /retried as d3c0b7de · OSError/);
  assert.match(one('[data-run="d3c0b7de11"]')?.className ?? '', /jk-under/);
});

test('a second press on Cancel forces, and the button says so', async () => {
  await openRun('90c4aa18d1');
  const row = host.initial!.runs.find(run => run.run_id === '90c4aa18d1')!;
  const button = () => one('.jk-rhead .jk-btn');
  assert.equal(button()?.title, 'Cancel: interrupts the query of weather');
  const canceling = { ...row, status: 'CANCELING' as const, cancel: 'interrupts weather' };
  host.push({ push: 'status', seq: 9, status: {}, runs: [canceling] });
  await until(() => button()?.textContent === 'Cancel again');
  assert.equal(button()?.title, 'Cancel again: interrupts weather');
  button()?.click();
  await until(() => host.asked.some(([op, fields]) => op === 'cancel' && fields.force === true));
});

/** Push every 50 ms until what is open was read again twice. */
async function readAgain(op: string): Promise<void> {
  const reads = () => host.asked.filter(([asked]) => asked === op).length;
  const before = reads();
  const row = host.initial!.runs.find(run => run.run_id === '90c4aa18d1')!;
  let seq = 9;
  const push = () =>
    host.push({ push: 'status', seq: ++seq, status: { planes: status('running', { run_id: `${seq}` }) }, runs: [row] });
  const busy = setInterval(push, 50);
  try {
    await until(() => reads() >= before + 2);
  } finally {
    clearInterval(busy);
  }
}

test('an open run is read again while pushes come without a pause', async () => {
  await openRun('90c4aa18d1');
  await readAgain('run');
});

test('the pane is read again while pushes come without a pause', async () => {
  open();
  (await until(() => one('[data-key="planes"]'))).click();
  await until(() => one('[data-section="code"]'));
  await readAgain('details');
});

test('attempts at a chosen step are rows with their errors and delays', async () => {
  await openRun('7f3a91c2e0');
  one('[data-step="flights_weather"]')?.click();
  const tries = await until(() => one('.jk-tries'));
  assert.deepEqual(
    [...tries.children].map(line => line.textContent),
    ["attempt 1KeyError: 'visib'again in 5 s11 s", "attempt 2KeyError: 'visib'again in 5 s11 s"].concat(
      "attempt 3KeyError: 'visib'11 s"
    )
  );
});

test('a run goes on from its failure, or runs all or only chosen steps again', async () => {
  await openRun('7f3a91c2e0');
  const ctrl = new window.MouseEvent('click', { bubbles: true, ctrlKey: true });
  one('[data-step="raw_flights"]')?.click();
  one('[data-step="weather"]')?.dispatchEvent(ctrl);
  await until(() => page.querySelectorAll('.jk-gr.jk-on').length === 2);
  one('.jk-rhead .jk-half')?.click();
  const labels = () => [...page.querySelectorAll('.jk-mi .jk-grow')].map(line => line.firstChild?.textContent);
  await until(() => /4 steps, ~48 s/.test(text('.jk-menu')));
  assert.deepEqual(labels(), ['From failure', 'All steps', 'From these 2 steps', 'Only these 2 steps']);
  [...page.querySelectorAll<HTMLElement>('.jk-mi')].at(-1)?.click();
  await until(() => host.asked.some(([op]) => op === 'reexecute'));
  const wanted = { run_id: '7f3a91c2e0', from_failure: false, steps: ['raw_flights', 'weather'] };
  assert.deepEqual(host.asked.find(([op]) => op === 'reexecute')?.[1], wanted);
  await until(() => text('.jk-rhead code') === '90c4aa18');
});

test('a choice that is refused is off and says why', async () => {
  await openRun('7f3a91c2e0');
  one('[data-step="report_plot"]')?.click();
  await until(() => one('.jk-gr.jk-on'));
  one('.jk-rhead .jk-half')?.click();
  const off = await until(() => one('.jk-mi[aria-disabled]'));
  assert.match(off.textContent ?? '', /Only report_plot.*needs a value/);
  off.click();
  assert.equal(host.asked.filter(([op]) => op === 'reexecute').length, 0);
});

test('the header names a paused queue and pools that are full, and nothing else of them', async () => {
  open();
  assert.equal((await until(() => one('.jk-queue'))).textContent, 'duckdb 1/1');
  const free = { name: 'net', held: 1, waiting: 0, limit: 4 };
  const queue = { paused: true, waiting: 3, pools: [free] };
  host.push({ push: 'status', seq: 9, status: {}, runs: [], queue });
  await until(() => text('.jk-queue') === 'paused');
  assert.equal(one('.jk-queue button')?.title, 'The queue is paused (max_concurrent_runs is 0), 3 runs wait');
});

test('failed checks show their severity, and whether they block', async () => {
  open();
  await until(() => one('[data-key="planes"]'));
  assert.equal(text('[data-key="planes"] .jk-checks'), '✕ 1 blocks');
  assert.equal(text('[data-key="delay_vs_weather"] .jk-checks'), '△ 1');
});
