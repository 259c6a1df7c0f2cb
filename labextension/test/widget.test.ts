import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page, until } from './page';
import { snapshotOf } from '../dev/fixtures';
import { WidgetHost } from '../src/widget';
import type { Model } from '../src/widget';

function aModel(): Model & { sent: { request: { id: number; op: string } }[]; hear: (content: unknown) => void } {
  const listeners = new Set<(content: unknown) => void>();
  return {
    sent: [],
    get: () => snapshotOf('flights'),
    on: (_, listener) => void listeners.add(listener),
    off: (_, listener) => void listeners.delete(listener),
    send(content) {
      this.sent.push(content as never);
    },
    hear: content => listeners.forEach(listener => listener(content))
  };
}

function anElement(): HTMLElement {
  const element = page.createElement('div');
  page.body.append(element);
  return element;
}

test('a request goes out as an event first, and its reply comes back', async () => {
  const model = aModel();
  const host = new WidgetHost(model, anElement());
  const seen: { kernel: string; request: { op: string; keys: string[] } }[] = [];
  const carrier = (event: Event) => {
    const { detail } = event as CustomEvent;
    detail.handled = true;
    seen.push(detail);
    detail.reply({ id: detail.request.id, ok: true, result: { run_id: 'r1' } });
  };
  page.addEventListener('jobkernel:request', carrier);
  assert.deepEqual(await host.request('materialize', { keys: ['a'] }), { run_id: 'r1' });
  page.removeEventListener('jobkernel:request', carrier);
  assert.deepEqual(
    [seen[0].kernel, seen[0].request.op, seen[0].request.keys, model.sent.length],
    ['dev', 'materialize', ['a'], 0]
  );
  host.dispose();
});

test('where nobody takes the event, the model carries it', async () => {
  const model = aModel();
  const host = new WidgetHost(model, anElement());
  const answer = host.request('details', { key: 'a' });
  const { request } = await until(() => model.sent[0]);
  model.hear({ reply: { id: request.id, ok: false, error: 'No asset a.' } });
  await assert.rejects(answer, { message: 'No asset a.' });
  host.dispose();
});

test('pushes on the model and word of a dead kernel reach the screen', () => {
  const model = aModel();
  const host = new WidgetHost(model, anElement());
  const heard: string[] = [];
  host.onPush(push => heard.push(push.push));
  model.hear({ push: 'status', seq: 2, status: {}, runs: [] });
  model.hear({ push: 'nonsense' });
  const tell = (kernel: string) =>
    page.dispatchEvent(new CustomEvent('jobkernel:kernel', { detail: { kernel, state: 'gone', reason: 'x' } }));
  tell('another');
  tell('dev');
  assert.deepEqual(heard, ['status', 'gone']);
  host.dispose();
});
