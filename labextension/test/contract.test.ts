import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isPush, isReply, isSnapshot, resultOf } from '../src/guards';

const FOLDER = join(process.cwd(), '..', 'tests', 'contract', 'graph_view');
const read = (name: string) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
const names = readdirSync(FOLDER).filter(name => name.endsWith('.json'));

test('the example messages are there', () => {
  assert.ok(names.length >= 12, String(names));
});

test('example snapshots and pushes pass the guards', () => {
  assert.equal(isSnapshot(read('snapshot.json')), true);
  for (const name of names.filter(one => one.startsWith('push_'))) {
    assert.equal(isPush(read(name)), true, name);
  }
});

test('example exchanges carry a request and a readable reply', () => {
  for (const name of names.filter(one => one.startsWith('exchange_'))) {
    const { request, reply } = read(name);
    assert.equal(typeof request.op, 'string', name);
    assert.equal(reply.id, request.id, name);
    assert.equal(isReply(reply), true, name);
    if (reply.ok) {
      assert.ok(resultOf(reply), name);
    } else {
      assert.throws(() => resultOf(reply), { message: reply.error });
    }
  }
});

test('what is not protocol is refused', () => {
  for (const wrong of [null, 3, [], {}, { protocol: 2 }, { push: 'graph', snapshot: {} }, { push: 'gone' }]) {
    assert.equal(isSnapshot(wrong) || isPush(wrong), false);
  }
  assert.throws(() => resultOf({ ok: true }), /cannot read/);
});
