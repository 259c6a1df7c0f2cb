import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { runOf } from '../dev/facts';
import { flightsGraph, partOf } from '../dev/fixtures';
import { FakeHost } from '../dev/host';
import { packed } from '../dev/pack';
import { mount } from '../src/app';
import type { Snapshot } from '../src/protocol';
import { ganttBlock } from '../src/view/gantt';

/** Be a notebook that has jobs and no asset. */
class HostOfJobs extends FakeHost {
  constructor() {
    super('flights', false);
    this.initial = { ...(this.initial as Snapshot), graph: noNodes() };
  }

  override async request(op: string, fields: Record<string, unknown>): Promise<unknown> {
    const answer = await super.request(op, fields);
    return op === 'layout' ? noNodes() : answer;
  }
}

const noNodes = (): Snapshot['graph'] => {
  const none = partOf(flightsGraph('LR'), '', []);
  return packed({ ...none, view: { ...none.view, selection: null, keys: null, problem: null } });
};

let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

const heightOf = () => parseInt(one('.jk-root')?.style.getPropertyValue('--jk-height') ?? '', 10);

test('a run or a schedule that is opened in a cell has the room to be read', async () => {
  for (const [tab, row] of [
    ['runs', '[data-run]'],
    ['automation', '[data-automation]']
  ]) {
    page.body.replaceChildren();
    unmount = mount(page.body, new HostOfJobs());
    (await until(() => one(`[data-tab="${tab}"]`))).click();
    const line = await until(() => one(row));
    assert.ok(!(heightOf() >= 520), tab);
    line.click();
    await until(() => heightOf() === 520);
    unmount();
  }
});

test('where there are jobs alone the graph says where their steps are', async () => {
  unmount = mount(page.body, new HostOfJobs());
  const said = await until(() => one('.jk-stage .jk-state'));
  assert.match(said.textContent ?? '', /No assets yet.*Choose a job above to see its steps/);
});

test('what is said of a step that took all the time stands over its bar, not outside of it', () => {
  const run = runOf('7f3a91c2e0');
  const steps = run.steps.filter(each => each.step_key === 'flights_weather');
  const { started_at, ended_at } = steps[0];
  const said = ganttBlock({ ...run, steps, started_at, ended_at }, new Set(), () => undefined).querySelector('.jk-lb');
  assert.match(said?.textContent ?? '', /^3 attempts/);
  assert.deepEqual([said?.classList.contains('jk-over'), said?.getAttribute('style')], [true, null]);
});
