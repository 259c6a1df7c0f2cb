import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { page, until } from './page';
import { manyAutomations, tick } from '../dev/automation';
import { FakeHost } from '../dev/host';
import { mount } from '../src/app';
import type { AutomationChange, PinnedNotebook } from '../src/protocol';

let host: FakeHost;
let unmount: () => void = () => undefined;
const one = (selector: string) => page.querySelector<HTMLElement>(selector);
const all = (selector: string) => [...page.querySelectorAll<HTMLElement>(selector)];
const text = (selector: string) => one(selector)?.textContent ?? '';
const row = (name: string) => one(`.jk-ar[data-automation="${name}"]`) as HTMLElement;
const toggle = (name: string) => row(name).querySelector<HTMLElement>('[role=switch]') as HTMLElement;
const tell = (change: AutomationChange, seq = 9) =>
  host.push({ push: 'status', seq, status: {}, runs: [], automation: change });

async function open(project = 'flights', more: object = {}): Promise<void> {
  host = Object.assign(new FakeHost(project, true), more);
  unmount = mount(page.body, host);
  (await until(() => one('[data-tab="automation"]'))).click();
}
beforeEach(() => page.body.replaceChildren());
afterEach(() => unmount());

test('a row for each schedule and sensor, with its switch, words and last look', async () => {
  await open();
  await until(() => all('.jk-ars .jk-ar').length === 5);
  assert.equal(toggle('daily_report').getAttribute('aria-checked'), 'true');
  assert.equal(toggle('monthly_archive').getAttribute('aria-checked'), 'false');
  assert.match(row('weather_sensor').textContent ?? '', /runs refresh_weatherlooks every 30 s.*no new files/);
  assert.match(row('tell_on_failure').textContent ?? '', /alerts\.ipynb/);
  assert.match(text('.jk-health'), /Running in this kernel4 of 5 on1 in another kernel/);
  assert.match(text('.jk-pin'), /Livethe notebook has moved on: %jk pin2 go on when this notebook closes/);
});

test('a push changes the row in place and keeps the focus', async () => {
  await open();
  await until(() => row('weather_sensor'));
  const held = row('weather_sensor');
  toggle('weather_sensor').focus();
  tell({ rows: [{ name: 'weather_sensor', last: tick('FAILURE', Date.now(), { why: 'OSError: gone' }) }] });
  assert.match(row('weather_sensor').textContent ?? '', /OSError: gone/);
  assert.equal(row('weather_sensor'), held);
  assert.equal(page.activeElement, toggle('weather_sensor'));
});

test('a push of looks alone leaves the graph untouched', async () => {
  await open();
  one('[data-tab="graph"]')?.click();
  const counts = await until(() => one('.jk-sum'));
  const before = counts.firstChild;
  tell({ rows: [{ name: 'weather_sensor', failures: 3 }] });
  assert.equal(one('.jk-sum')?.firstChild, before);
});

test('a switch acts at once, says what it did, and can be undone', async () => {
  await open();
  await until(() => row('monthly_archive'));
  toggle('monthly_archive').click();
  assert.equal(toggle('monthly_archive').getAttribute('aria-checked'), 'true');
  await until(() => /monthly_archive is on\. It looks next in 1 h/.test(text('.jk-banner')));
  all('.jk-banner .jk-btn')
    .find(button => button.textContent === 'Undo')
    ?.click();
  await until(() => toggle('monthly_archive').getAttribute('aria-checked') === 'false');
  assert.deepEqual(
    host.asked.filter(([op]) => op === 'switch').map(([, fields]) => fields.on),
    [true, false]
  );
});

test('a switch that is refused goes back and says why', async () => {
  await open('flights', { stubborn: true });
  await until(() => row('monthly_archive'));
  toggle('monthly_archive').click();
  await until(() => /project server is away/.test(text('.jk-banner')));
  await until(() => toggle('monthly_archive').getAttribute('aria-checked') === 'false');
});

test('a row opens its looks, what they logged, cursor and run keys, all as text', async () => {
  await open();
  (await until(() => row('weather_sensor'))).click();
  await until(() => all('.jk-tk').length === 5);
  assert.equal(page.querySelectorAll('.jk-keyline b').length, 0);
  assert.match(text('.jk-keys'), /<b>weather<\/b>/);
  all('.jk-tk')[2].click();
  await until(() => /looked into incoming/.test(text('.jk-inside')));
  all('.jk-keyline .jk-btn')[0].click();
  await until(() =>
    host.asked.some(([op, fields]) => op === 'reset_keys' && String(fields.keys) === 'weather-2013-04')
  );
});

test('looks are filtered by how they ended', async () => {
  await open();
  (await until(() => row('weather_sensor'))).click();
  await until(() => all('.jk-tk').length === 5);
  all('.jk-tickbar .jk-lv')
    .find(button => button.textContent === 'failed')
    ?.click();
  await until(() => all('.jk-tk').length === 1);
  assert.match(text('.jk-tk'), /PermissionError/);
});

test('what is open is read again when it has looked, however fast pushes come', async () => {
  await open();
  (await until(() => row('weather_sensor'))).click();
  await until(() => all('.jk-tk').length === 5);
  const reads = () => host.asked.filter(([op]) => op === 'automation').length;
  const before = reads();
  let at = Date.now();
  const busy = setInterval(() => tell({ rows: [{ name: 'weather_sensor', last: tick('SKIPPED', ++at) }] }, at), 40);
  try {
    await until(() => reads() >= before + 2);
  } finally {
    clearInterval(busy);
  }
});

test('a preview shows what it would do and launches it when told to', async () => {
  await open();
  (await until(() => row('weather_sensor'))).click();
  (await until(() => all('.jk-previewbox .jk-btn')[0])).click();
  const button = await until(() => one('.jk-preview .pri'));
  assert.equal(button.textContent, 'Launch 1 run');
  assert.match(text('.jk-preview'), /It would launch 1 run.*The cursor would be 1763800099/);
  button.click();
  await until(() => one('.jk-root')?.dataset.page === 'run');
});

test('keys go from row to row, open and leave', async () => {
  await open();
  const press = (key: string) =>
    page.activeElement?.dispatchEvent(new window.KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  (await until(() => row('daily_report'))).focus();
  press('ArrowDown');
  assert.equal(page.activeElement, row('weather_half_hour'));
  press('Enter');
  await until(() => row('weather_half_hour').getAttribute('aria-current') === 'true');
  press('Escape');
  await until(() => row('weather_half_hour').getAttribute('aria-current') === 'false');
});

test('definitions that have not run are named, with a way to restore them', async () => {
  const asked: boolean[] = [];
  const restore = (loaded: boolean) => asked.push(loaded) > 0;
  await open('empty', { restore });
  tell({ rows: [], unrun: ['orders', 'load'] });
  await until(() => /2 definitions of this notebook are known.*orders, load\./.test(text('.jk-unrun')));
  one('.jk-unrun .pri')?.click();
  assert.deepEqual(asked, [true]);
  one('.jk-unrun .jk-ib')?.click();
  assert.equal(one('.jk-unrun'), null);
  tell({ rows: [], unrun: ['orders'] }, 10);
  await until(() => one('.jk-unrun'));
  host.push({ push: 'gone', reason: 'The kernel was restarted' });
  all('.jk-banner .jk-btn')
    .find(button => button.textContent === 'Restore')
    ?.click();
  assert.deepEqual(asked, [true, false]);
});

test('where nobody can run a cell, the command is named', async () => {
  await open('empty');
  tell({ rows: [], unrun: ['orders'] });
  (await until(() => one('.jk-unrun .pri'))).click();
  await until(() => [...all('.jk-banner')].some(banner => /Run %jk restore in a cell/.test(banner.textContent ?? '')));
});

test('pinned notebooks are listed, and unpinned by two presses', async () => {
  let kept: PinnedNotebook[] = [
    {
      key: 'k',
      notebook: 'a.ipynb',
      path: '/a.ipynb',
      project: '/',
      automations: ['x'],
      state: 'failed',
      error: 'no cell makes y'
    }
  ];
  const pinned = () => Promise.resolve(kept);
  const unpin = (key: string) => Promise.resolve(void (kept = kept.filter(pin => pin.key !== key)));
  await open('flights', { pinned, unpin });
  await until(() => /a\.ipynb1 schedule or sensorfailed: no cell makes y/.test(text('.jk-pinline')));
  const button = one('.jk-pinline .jk-btn');
  button?.click();
  assert.equal(kept.length, 1);
  assert.equal(button?.textContent, 'Unpin for good');
  button?.click();
  await until(() => !all('.jk-pinline').length);
});

test('a pin that is gone leaves the rows that it was about', async () => {
  await open();
  const pins = () => all('.jk-armarks [title]').length;
  await until(() => pins() === 2);
  tell({ rows: [], pin: null });
  assert.equal(pins(), 0);
  assert.equal(one('.jk-pin'), null);
});

test('without any, the line to write is there', async () => {
  await open('empty');
  await until(() => /%schedule nightly --job my_job/.test(text('.jk-state')));
  assert.equal(one('.jk-health')?.hidden, true);
});

test('two hundred stay quick: a push of one row redraws that row alone', async () => {
  await open('200');
  await until(() => all('.jk-ars .jk-ar').length === 200);
  const drawn = all('.jk-day svg');
  assert.ok(drawn.length > 7 && drawn.length < 100, `${drawn.length} days are drawn: those in view and around`);
  tell({ rows: [{ name: 'schedule_7', strip: { first: manyAutomations(8).rows[7].strip.first + 239, marks: 'f' } }] });
  const after = all('.jk-day svg');
  assert.equal(after.filter((svg, i) => svg !== drawn[i]).length, 1);
});

test('the heartbeat is told and asked for again while the page is seen; a late one is marked', async () => {
  await open();
  const beat = () => one('.jk-beat') as HTMLElement;
  await until(() => beat()?.textContent === 'heartbeat now');
  assert.match(beat().title, /last looked at the clock at \d\d:\d\d:\d\d/);
  host.request = async () => ({ alive: true, turned_at: Date.now() - 90_000 });
  const now = Date.now;
  Date.now = () => now() + 5000;
  try {
    await until(() => beat().classList.contains('jk-t-warn'));
  } finally {
    Date.now = now;
  }
  assert.match(beat().textContent ?? '', /heartbeat 1 m 3\d s ago/);
});
