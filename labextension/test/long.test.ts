import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { FakeHost } from '../dev/host';
import { mount } from '../src/app';
import type { NodeStatus, PartitionBar } from '../src/protocol';
import { isPartly, nodeWord, urgent } from '../src/words';
import { status } from '../dev/fixtures';
import { errorBlock } from '../src/view/code';
import { shapeOf } from '../src/view/glyphs';

test('a long message shows its beginning, and all of it as text on demand', () => {
  const message = `<b>${'x'.repeat(1_000_000)}`;
  const block = errorBlock({ type: 'ValueError', message, cell: 3, line: 1, frames: [], text: '' }, null);
  assert.ok((block.textContent ?? '').length < 1000);
  const open = [...block.querySelectorAll('button')].find(button =>
    /Show all 1,000,01\d characters/.test(button.textContent ?? '')
  );
  open?.click();
  assert.ok((block.textContent ?? '').includes(message));
  assert.equal(block.querySelector('b'), null);
  assert.equal(block.querySelector('button'), null);
});

test('a message of many lines is long too, a short one is not', () => {
  const shown = (message: string) =>
    errorBlock({ type: 'E', message, cell: null, line: null, frames: [], text: '' }, null).textContent ?? '';
  assert.match(shown('line\n'.repeat(20)), /Show all/);
  assert.equal(shown('short'), 'E: short');
});

const bar = (more: Partial<PartitionBar>): PartitionBar => ({
  of: 4,
  made: 2,
  missing: 2,
  failed: 0,
  stale: 0,
  running: 0,
  text: '2 of 4 made',
  cells: 'ff--',
  ...more
});
const parted = (more: Partial<PartitionBar>, word: NodeStatus['status'] = 'stale') =>
  status(word, { partitions: bar(more) });

test('partly made is neither stale nor never run: it has its own glyph, word and quiet colour', () => {
  const partly = parted({});
  assert.ok(isPartly(partly));
  assert.deepEqual([shapeOf(partly), nodeWord(partly)], ['partly', 'partly made']);
  assert.deepEqual(urgent({ ...partly, at: null }, 0), { text: '2 of 4', tone: '' });
  for (const other of [parted({ stale: 1 }), parted({ failed: 1 }), parted({ missing: 0 }), parted({}, 'failed')]) {
    assert.equal(shapeOf(other), other.status);
  }
  assert.equal(shapeOf(undefined), 'never');
});

let host: FakeHost;
let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

test("the pane's Cancel offers to cancel again once it was asked", async () => {
  host = new FakeHost('flights', true);
  unmount = mount(page.body, host);
  (await until(() => one('[data-key="weather"]'))).click();
  const cancel = () => one('.jk-pane .jk-cancel');
  await until(() => cancel()?.textContent === 'Cancel');
  const row = host.initial!.runs.find(run => run.run_id === '90c4aa18d1')!;
  const runs = [{ ...row, status: 'CANCELING' as const, cancel: 'interrupts weather' }];
  host.push({ push: 'status', seq: 9, status: {}, runs });
  await until(() => cancel()?.textContent === 'Cancel again');
  assert.equal(cancel()?.title, 'Cancel again: interrupts weather');
  cancel()?.click();
  await until(() => host.asked.some(([op, fields]) => op === 'cancel' && fields.force === true));
});
