import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitionOf, speaksOfJobkernel } from '../src/cells';
import { NO_STATUS } from '../src/changes';
import { statusOfOp, usesOf } from '../src/ops';
import type { StatusWord } from '../src/protocol';
import { plainText } from '../src/view/log';

test('a first line names what the cell defines', () => {
  const found = (source: string) => definitionOf(source)?.key ?? null;
  assert.equal(found('%%asset clean_flights --group prepare\nx = 1'), 'clean_flights');
  assert.equal(found('\n%%op a/b\n'), 'a/b');
  assert.equal(found('# jk: asset raw --sql'), 'raw');
  assert.equal(found('#jk: op "two"'), 'two');
  assert.equal(found('#\t jk:asset three'), 'three');
});

test('a name may stand behind options, or be that of the one function', () => {
  const found = (source: string) => definitionOf(source)?.key ?? null;
  assert.equal(found('%%asset --group g named\n1'), 'named');
  assert.equal(found("%%asset --run -q --meta 'a=b c' --tag=x=y -gprepare raw/orders\n1"), 'raw/orders');
  assert.equal(found('%%op --pool db --retries 3 clean'), 'clean');
  assert.equal(found('%%asset --group g\nimport os\n\ndef totals(orders):\n    def inner(): ...\n'), 'totals');
  assert.equal(found('%%op\nasync def fetch(): ...'), 'fetch');
  assert.equal(found('%%asset\ndef one(): ...\ndef two(): ...'), null);
});

const status = (word: StatusWord, run_id: string | null, at: number | null) => ({
  ...NO_STATUS,
  status: word,
  run_id,
  at
});

test('an op stands where the last run of a job that uses it left it', () => {
  const op = { name: 'clean', uses: ['a', 'b'].map(job => ({ job, keys: [`op:${job}/clean`] })) };
  assert.equal(usesOf(op), 'op · used by jobs a, b');
  assert.equal(usesOf({ ...op, uses: [] }), 'op · used by no job');
  assert.equal(statusOfOp(op, { clean: status('failed', '1', 9) }).status, 'never');
  const ended = { 'op:a/clean': status('failed', '1', 5), 'op:b/clean': status('fresh', '2', 6) };
  assert.equal(statusOfOp(op, ended).status, 'fresh');
  assert.equal(statusOfOp(op, { ...ended, 'op:a/clean': status('running', '3', null) }).status, 'running');
});

test('of a mapped op the copy that is worst off tells', () => {
  const op = { name: 'one', uses: [{ job: 'j', keys: ['op:j/one'] }] };
  const copies = { 'op:j/one[x]': status('failed', '1', 5), 'op:j/one[y]': status('fresh', '1', 6) };
  assert.equal(statusOfOp(op, copies).status, 'failed');
});

test('other cells define nothing', () => {
  for (const source of [
    'x = 1',
    '%%asset',
    '%%asset --group g',
    '%%assets x',
    'print("%%asset x")',
    '%%job daily',
    ''
  ]) {
    assert.equal(definitionOf(source), null, source);
  }
});

test('only notebooks that speak of jobkernel are asked', () => {
  for (const source of [
    '%load_ext jobkernel',
    'import jobkernel as jk',
    'x\n%jk',
    '%%asset a',
    '# jk: asset a',
    '#\tjk:asset a'
  ]) {
    assert.equal(speaksOfJobkernel(source), true, source);
  }
  for (const source of ['import pandas', '%matplotlib inline', 'jobkernel = 1', '%jklm', '%%time']) {
    assert.equal(speaksOfJobkernel(source), false, source);
  }
});

test('terminal colours and control characters are taken out of log lines, long lines are cut', () => {
  assert.equal(plainText('\u001b[31mred\u001b[0m \u001b]8;;http://x\u0007link\u0000'), 'red link');
  assert.equal(plainText('<script>'), '<script>');
  assert.ok(plainText('x'.repeat(1_000_000)).length < 5000);
});
