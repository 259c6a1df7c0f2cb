import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitionOf, speaksOfJobkernel } from '../src/cells';
import { plainText } from '../src/view/log';

test('a first line names what the cell defines', () => {
  const found = (source: string) => definitionOf(source)?.key ?? null;
  assert.equal(found('%%asset clean_flights --group prepare\nx = 1'), 'clean_flights');
  assert.equal(found('\n%%op a/b\n'), 'a/b');
  assert.equal(found('# jk: asset raw --sql'), 'raw');
  assert.equal(found('#jk: op "two"'), 'two');
  assert.equal(found('#\t jk:asset three'), 'three');
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
