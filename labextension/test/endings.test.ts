import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortestEndings, stepNames } from '../src/endings';

test('keys are called by the shortest ending that tells them apart', () => {
  const found = shortestEndings(['raw/orders', 'clean/orders', 'raw/items', 'b', 'a/b', 'x/y/a/b']);
  assert.deepEqual([...found].map(([, name]) => name).sort(), [
    'a/b',
    'b',
    'clean/orders',
    'items',
    'raw/orders',
    'y/a/b'
  ]);
  assert.equal(found.get('x/y/a/b'), 'y/a/b');
});

test('a step is called after its asset, one without by its own name', () => {
  const names = stepNames([
    { step_key: 'raw__orders', key: 'raw/orders' },
    { step_key: 'both', key: null }
  ]);
  assert.deepEqual([names.short('raw__orders'), names.whole('raw__orders')], ['orders', 'raw/orders']);
  assert.deepEqual([names.short('both'), names.whole('both'), names.short('gone')], ['both', 'both', 'gone']);
});
