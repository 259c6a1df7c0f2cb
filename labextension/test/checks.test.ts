import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { runOf } from '../dev/facts';
import { FakeHost } from '../dev/host';
import { mount } from '../src/app';
import { checksOfRun, checksTone, checkWords, stepGlyph, stepWord } from '../src/checks';
import type { StepCheck, StepRow } from '../src/protocol';

const check = (more: Partial<StepCheck> = {}): StepCheck => ({
  name: 'positive',
  key: 'orders',
  passed: false,
  severity: 'ERROR',
  description: '',
  ...more
});
const step = (more: Partial<StepRow>): StepRow => ({ ...runOf('d3c0b7de11').steps[1], key: 'orders', ...more });

test('a step that succeeded is drawn as what its checks say', () => {
  assert.equal(stepGlyph(step({ checks: [check({ passed: true })] })), 'fresh');
  assert.equal(stepGlyph(step({ checks: [check({ severity: 'WARN' })] })), 'warning');
  assert.equal(stepGlyph(step({ checks: [check()] })), 'warning');
  assert.equal(stepGlyph(step({ checks: [check()], key: null })), 'failed');
  assert.equal(stepGlyph(step({ checks: [check()], status: 'failed' })), 'failed');
});

test('failed checks are named with their severity and why', () => {
  const both = step({ checks: [check({ severity: 'WARN', description: 'one is −2' }), check({ passed: true })] });
  assert.deepEqual(checkWords(both), ['check positive failed (WARN): one is −2']);
  assert.equal(stepWord(both), 'fresh, 1 check failed');
  assert.equal(checksTone([both]), 'warn');
  assert.equal(
    checksOfRun([both, step({ checks: [check(), check()] })]),
    '2 checks failed, 1 check failed as a warning'
  );
  assert.equal(checksOfRun([step({ checks: [] })]), '');
});

let host: FakeHost;
let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

test('the page of a run shows a failed check beside its step, and all checks of a chosen step', async () => {
  host = new FakeHost('flights', true);
  unmount = mount(page.body, host);
  (await until(() => one('[data-tab="runs"]'))).click();
  (await until(() => one('[data-run="d3c0b7de11"]'))).click();
  const row = await until(() => one('[data-step="planes"]'));
  assert.equal(row.querySelector('svg')?.dataset.status, 'warning');
  assert.match(row.textContent ?? '', /check year_known failed \(WARN\): 70 of 3,322 have no year/);
  assert.match(one('.jk-became')?.textContent ?? '', /^succeeded, 1 check failed as a warning$/);
  row.click();
  const lines = await until(() => one('[aria-label="Checks of planes"]'));
  assert.deepEqual(
    [...lines.children].map(line => line.textContent),
    ['check unique_idpassed', 'check year_known70 of 3,322 have no yearWARN']
  );
});
