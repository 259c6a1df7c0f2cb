import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { FakeHost } from '../dev/host';
import { snapshotOf, status } from '../dev/fixtures';
import { mount } from '../src/app';
import { isUnfinished } from '../src/search';

let host: FakeHost;
let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
const text = (selector: string) => one(selector)?.textContent ?? '';
const cards = () => [...page.querySelectorAll<HTMLElement>('.jk-card')].map(card => card.dataset.key).sort();

function open(selection: string, keys: string[]): void {
  host = new FakeHost('flights', true);
  host.choose(selection, keys);
  unmount = mount(page.body, host);
}
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

test('a part shows its nodes and counts them alone', async () => {
  open('weather+', ['raw_flights', 'planes']);
  await until(() => cards().length === 2);
  assert.deepEqual(cards(), ['planes', 'raw_flights']);
  assert.equal(text('.jk-bar .jk-tok'), 'weather+');
  assert.equal(text('.jk-sum'), '2fresh');
  host.push({ push: 'status', seq: 9, status: { airlines: status('failed'), planes: status('failed') }, runs: [] });
  await until(() => /1failed/.test(text('.jk-sum')));
  assert.equal(text('.jk-said'), 'planes is failed.');
});

test('a part is asked for again when cells are defined anew, and stays that part', async () => {
  open('weather+', ['weather']);
  await until(() => cards().length === 1);
  host.chosen = ['weather', 'planes'];
  host.push({ push: 'graph', seq: 10, snapshot: snapshotOf('flights') });
  await until(() => cards().length === 2);
  assert.equal(host.asked.filter(([op]) => op === 'layout').at(-1)?.[1].selection, 'weather+');
});

test('a part by status is asked for again when a status changed', async () => {
  open('status:fresh', ['weather', 'planes']);
  await until(() => cards().length === 2);
  host.chosen = ['weather'];
  host.push({ push: 'status', seq: 9, status: { planes: status('failed') }, runs: [] });
  await until(() => cards().length === 1);
});

test('a part that has nothing says what matches nothing, and offers nothing to run', async () => {
  open('group:none', []);
  await until(() => /Nothing matches the selection 'group:none'/.test(text('.jk-state')));
  const offers = [...page.querySelectorAll<HTMLElement>('.jk-btn')].filter(each =>
    /Materialize/.test(each.textContent ?? '')
  );
  assert.ok(offers.every(each => each.closest<HTMLElement>('.jk-slot')?.hidden));
});

test('cancel in a part is for runs that make something of it', async () => {
  open('weather+', ['raw_flights', 'planes']);
  await until(() => cards().length === 2);
  const { runs } = snapshotOf('flights');
  const [run] = runs.map(row => ({ ...row, status: 'STARTED' as const, notebook: null }));
  host.push({ push: 'status', seq: 9, status: {}, runs: [run] });
  await new Promise(done => setTimeout(done, 50));
  assert.equal(one('.jk-stop'), null);
  host.push({ push: 'status', seq: 10, status: { planes: status('running', { run_id: run.run_id }) }, runs: [run] });
  await until(() => one('.jk-stop'));
});

test('a selection that is still being written is no mistake', () => {
  const keys = ['orders', 'order_lines'];
  const open = ['group:', 'tag:k=', 'sinks(', 'key:"or', '+', '2+', '+ord', 'orders and', 'status:st', 'not '];
  assert.deepEqual(
    open.filter(text => !isUnfinished(text.trim(), keys)),
    []
  );
  const whole = [
    '+orders',
    'status:stale',
    'orders+',
    'status:stalled',
    '+ordxx',
    'sinks(*)',
    'key:"a b"',
    'orders and x'
  ];
  assert.deepEqual(
    whole.filter(text => isUnfinished(text, keys)),
    []
  );
});

test('the field turns red for group: only when Enter is pressed, and gives an example of this graph', async () => {
  open('weather+', ['raw_flights', 'planes']);
  const input = (await until(() => one('.jk-input'))) as HTMLInputElement;
  assert.match(input.placeholder, /^Search or select: status:stale, kind:\w+$/);
  input.focus();
  input.value = 'sinks(';
  input.dispatchEvent(new window.Event('input'));
  await new Promise(done => setTimeout(done, 400));
  assert.equal(one('.jk-field.jk-bad'), null);
  input.dispatchEvent(new window.KeyboardEvent('keydown', { key: 'Enter' }));
  await until(() => one('.jk-field.jk-bad'));
});
