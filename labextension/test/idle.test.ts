import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withOurs } from '../src/lab/idle';

test('our requests are left out of what JupyterLab reads a kernel status from, beside those left out already', () => {
  assert.deepEqual(JSON.parse(withOurs('')), ['jobkernel_request', 'comm_info_request']);
  const some = withOurs('["stream","comm_info_request"]');
  assert.deepEqual(JSON.parse(some), ['stream', 'comm_info_request', 'jobkernel_request']);
  assert.equal(withOurs(some), some);
});
