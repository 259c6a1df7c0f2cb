import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { FakeHost } from '../dev/host';
import { status } from '../dev/fixtures';
import { mount } from '../src/app';
import type { PartitionBar } from '../src/protocol';
import { stretches } from '../src/view/partitions';
import { urgent } from '../src/words';

const BAR: PartitionBar = {
  of: 6, made: 4, missing: 2, failed: 1, stale: 1, running: 0, text: '4 of 6 made, 1 failed, 1 stale', cells: 'ffsxf--'
}; // prettier-ignore
const KEYS = ['2024-01-06', '2024-01-05', '2024-01-04'];

class PartitionedHost extends FakeHost {
  override async request(op: string, fields: Record<string, unknown>): Promise<unknown> {
    const answer = await super.request(op, fields);
    if (op === 'partitions') {
      const found = KEYS.filter(key => key.includes(String(fields.text)));
      const rows = found.map(key => ({ key, status: 'fresh', at: Date.now() - 7_200_000, run_id: null, error: null }));
      return { rows, found: fields.text ? found.length : 1003 };
    }
    return op === 'materialize_partitions' ? { run_id: null, text: '2 partitions, backfill abcd1234' } : answer;
  }
}

let host: PartitionedHost;
let unmount: () => void = () => undefined;
const one = <T extends HTMLElement>(selector: string) => page.querySelector<T>(selector);
beforeEach(() => {
  page.body.replaceChildren();
  host = new PartitionedHost('flights', true);
  unmount = mount(page.body, host);
});
afterEach(() => unmount());

/** Give an asset partitions, and wait for its bar. */
async function partitioned(): Promise<HTMLElement> {
  const card = await until(() => one('[data-key="clean_flights"]'));
  const partly = { clean_flights: status('stale', { at: Date.now() - 7_200_000, partitions: BAR }) };
  host.push({ push: 'status', seq: 9, status: partly, runs: [] });
  await until(() => card.querySelector('.jk-parts'));
  return card;
}

test('cells that are equal are drawn as one', () => {
  assert.deepEqual(stretches('ffs--'), [
    ['f', 0, 2],
    ['s', 2, 1],
    ['-', 3, 2]
  ]);
  assert.deepEqual(stretches(''), []);
});

test('a card has the bar of its partitions and says how many are made', async () => {
  const card = await partitioned();
  const heights = [...card.querySelectorAll('.jk-parts rect')].map(r => Number(r.getAttribute('height')));
  assert.deepEqual(heights, [4, 2, 8, 4, 1]);
  assert.equal(card.querySelector('.jk-parts')?.getAttribute('aria-label'), BAR.text);
  assert.equal(urgent(status('stale', { partitions: BAR }), 0).text, '4 of 6');
  assert.match(card.title, /4 of 6 made, 1 failed, 1 stale/);
});

test('the pane lists partitions, finds them by typing, and keeps what is typed when it draws anew', async () => {
  (await partitioned()).click();
  await until(() => page.querySelectorAll('.jk-partrow').length === 3);
  assert.match(one('[data-section="partitions"]')?.textContent ?? '', /and 1,000 older ones/);
  const field = one<HTMLInputElement>('.jk-partfind input')!;
  field.value = '-05';
  field.dispatchEvent(new window.Event('input'));
  await until(() => page.querySelectorAll('.jk-partrow').length === 1);

  const read = host.asked.filter(([op]) => op === 'details').length;
  host.push({
    push: 'status',
    seq: 10,
    status: { clean_flights: status('stale', { at: 1, partitions: BAR }) },
    runs: []
  });
  await until(() => host.asked.filter(([op]) => op === 'details').length > read);
  assert.equal(one<HTMLInputElement>('.jk-partfind input')?.value, '-05');
});

test('a button makes what is missing', async () => {
  (await partitioned()).click();
  const button = await until(() => one('.jk-partfind button'));
  assert.equal(button.textContent, 'Materialize 2 missing');
  button.click();
  await until(() => host.asked.some(([op]) => op === 'materialize_partitions'));
  const [, fields] = host.asked.find(([op]) => op === 'materialize_partitions')!;
  assert.deepEqual(fields, { key: 'clean_flights', partition: 'missing' });
  await until(() => /Making 2 partitions, backfill abcd1234/.test(page.body.textContent ?? ''));
});
