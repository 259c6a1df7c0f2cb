import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { conditionShown } from '../dev/conditions';
import { FakeHost } from '../dev/host';
import { mount } from '../src/app';
import type { ConditionTree } from '../src/protocol';
import { tick } from '../dev/automation';
import { blocks, wantedOf } from '../src/view/conditions';

const part = (status: ConditionTree['status'], more: Partial<ConditionTree> = {}): ConditionTree => ({
  label: 'missing',
  status,
  true: 0,
  of: 1,
  ...more
});

test('what is not as it has to be blocks; what was not asked does not', () => {
  assert.deepEqual(
    (['true', 'false', 'partly', 'moot'] as const).map(status => blocks(part(status), true)),
    [false, true, true, false]
  );
  assert.deepEqual(
    (['true', 'false', 'partly', 'moot'] as const).map(status => blocks(part(status), false)),
    [true, false, true, false]
  );
});

test('below not, and second below since, parts have to be the other way round', () => {
  const since = part('false', { label: 'SINCE' });
  assert.deepEqual([wantedOf(since, 0, true), wantedOf(since, 1, true)], [true, false]);
  assert.equal(wantedOf(part('false', { operator: 'not' }), 0, true), false);
  assert.equal(wantedOf(part('false', { operator: 'not' }), 0, false), true);
  assert.equal(wantedOf(part('false', { operator: 'and' }), 1, true), true);
});

let host: FakeHost;
let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
const section = () => one('[data-section="condition"]') as HTMLElement;

async function openPane(): Promise<void> {
  host = new FakeHost('flights', true);
  unmount = mount(page.body, host);
  (await until(() => one('[data-key="clean_flights"]'))).click();
  await until(section);
}
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

test('the pane says why an asset does not make itself, and opens the tree where it is decided', async () => {
  await openPane();
  assert.match(section().textContent ?? '', /waits for an update of 'planes' or 'raw_flights'\.since 12 min ago/);
  const open = [...section().querySelectorAll('details[open] > summary')].map(line => line.textContent);
  assert.deepEqual(open.slice(0, 4), ['eagerall of', 'first, newer than second', 'any_deps_updatedany of', 'planes']);
  const closed = [...section().querySelectorAll('details:not([open]) > summary')].map(line => line.textContent);
  assert.deepEqual(closed, ['handledany of', 'notin_progressany of']);
  assert.match(section().textContent ?? '', /in_latest_time_window1 of 312026-03-03/);
});

test('an asset in the tree leads to it', async () => {
  await openPane();
  [...section().querySelectorAll<HTMLElement>('.jk-link')].find(link => link.textContent === 'planes')?.click();
  await until(() => one('.jk-pane .jk-title')?.textContent === 'planes');
});

test('the pane is read again when the sensor that looks at the condition has looked', async () => {
  await openPane();
  const reads = () => host.asked.filter(([op]) => op === 'details').length;
  const before = reads();
  const row = { ...host.initial!.automation.rows[2], name: conditionShown().automation as string };
  host.push({
    push: 'graph',
    seq: 5,
    snapshot: { ...host.initial!, automation: { ...host.initial!.automation, rows: [row] } }
  });
  await until(() => reads() > before);
  const then = reads();
  const rows = [{ name: row.name, last: tick('SUCCESS', Date.now() + 1) }];
  host.push({ push: 'status', seq: 9, status: {}, runs: [], automation: { rows } });
  await until(() => reads() > then);
});

test('a sensor of conditions lists what it looks at, each with its tree; folds stay as they were left', async () => {
  host = new FakeHost('flights', true);
  unmount = mount(page.body, host);
  (await until(() => one('[data-tab="automation"]'))).click();
  (await until(() => one('[data-automation="weather_sensor"]'))).click();
  const fold = await until(() => one('.jk-condone') as HTMLDetailsElement | null);
  assert.match(fold.textContent ?? '', /clean_flights.*waits for an update/);
  assert.equal(fold.querySelector('.jk-cond'), null);
  fold.open = true;
  await until(() => fold.querySelector('.jk-cond'));
  const rows = [{ name: 'weather_sensor', last: tick('SKIPPED', Date.now() + 1) }];
  host.push({ push: 'status', seq: 9, status: {}, runs: [], automation: { rows } });
  await until(() => host.asked.filter(([op]) => op === 'automation').length === 2);
  assert.ok((one('.jk-condone') as HTMLDetailsElement).open);
});
