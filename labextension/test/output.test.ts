import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page, until } from './page';
import { snapshotOf } from '../dev/fixtures';
import { Keeper } from '../src/lab/keeper';
import type { Watched } from '../src/lab/notebooks';
import type { Output } from '../src/lab/output';
import { themed } from '../src/lab/picture';
import type { Snapshot, StatusWord } from '../src/protocol';

function anOutput(): Output & { data: Record<string, unknown> } {
  return {
    data: { 'image/svg+xml': '<svg>old</svg>', other: 1 },
    setData({ data }) {
      this.data = { ...data };
    }
  };
}

/** A notebook whose kernel has these statuses and counts how often it was asked for its picture. */
function aNotebook(words: StatusWord[]): Watched & { asked: number; fields: object | null; snapshot: Snapshot } {
  const snapshot = snapshotOf('flights');
  const keys = Object.keys(snapshot.status);
  const status = Object.fromEntries(
    keys.map((key, i) => [key, { ...snapshot.status[key], status: words[i % words.length] }])
  );
  return {
    snapshot: { ...snapshot, status },
    asked: 0,
    fields: null,
    async request(_op: string, fields: object) {
      this.asked += 1;
      this.fields = fields;
      return { 'image/svg+xml': '<svg>new</svg>', 'text/plain': 'new' };
    }
  } as never;
}

test('at rest the output is given the newest picture, and keeps what else it holds', async () => {
  const [notebook, output] = [aNotebook(['fresh', 'stale']), anOutput()];
  new Keeper(notebook, () => ({ selection: '+report' })).keep(output);
  await until(() => notebook.fields);
  assert.deepEqual(notebook.fields, { selection: '+report' });
  await until(() => output.data['image/svg+xml'] === '<svg>new</svg>');
  assert.equal(output.data.other, 1);
});

test('the same state is not asked for twice, and nothing is while something runs', async () => {
  const [notebook, output] = [aNotebook(['fresh']), anOutput()];
  const keeper = new Keeper(notebook, () => ({}));
  keeper.keep(output);
  await until(() => notebook.asked === 1);
  keeper.keep(output);
  notebook.snapshot = aNotebook(['fresh', 'running']).snapshot;
  keeper.keep(output);
  await new Promise(done => setTimeout(done, 1000));
  assert.equal(notebook.asked, 1);
});

test('a picture takes the colours of the theme, and only harmless ones', () => {
  const element = page.createElement('div');
  page.body.append(element);
  element.style.setProperty('--jp-layout-color1', '#111');
  element.style.setProperty('--jp-ui-font-color1', '}</style><script>');
  const svg = themed('<svg xmlns="x" width="3"><g/></svg>', element);
  assert.equal(svg, '<svg xmlns="x" width="3"><style>svg{--jp-layout-color1:#111}</style><g/></svg>');
});
