/** Made-up schedules and sensors for the development page and the contract. */
import type { Automation, AutomationDetails, AutomationRow, LookPreview, TickRow } from '../src/protocol';
import { conditionShown } from './conditions';
import { HOUR, MIN, now } from './times';

const BUCKET = 360_000;
const bucketOf = (at: number): number => Math.floor(at / BUCKET);

export const tick = (status: TickRow['status'], at: number, more: Partial<TickRow> = {}): TickRow => ({
  tick_id: `weather_sensor@${at}`,
  label: String(at),
  status,
  at,
  scheduled_at: null,
  took_s: status === 'MISSED' ? null : 0.003,
  late_s: null,
  run_ids: [],
  run_keys: [],
  why: null,
  cursor: null,
  missed: null,
  first_at: null,
  ...more
});

export const automationRow = (name: string, more: Partial<AutomationRow> = {}): AutomationRow => ({
  name,
  kind: 'schedule',
  starts: ['daily_report'],
  when: 'at 06:00',
  zone: 'America/New_York',
  note: 'skips if one still runs',
  on: true,
  switched: false,
  owner: null,
  next: [now + 22 * HOUR],
  looking_since: null,
  trouble: null,
  failures: 0,
  last: null,
  strip: { first: 0, marks: '' },
  ...more
});

/** Marks of the day that has passed: `mark(n)` for the n-th bucket, the last one is now's. */
const day = (mark: (n: number) => string) => ({
  first: bucketOf(now) - 239,
  marks: Array.from({ length: 240 }, (_, n) => mark(n)).join('')
});

const rows = (): AutomationRow[] => [
  automationRow('daily_report', {
    strip: day(n => (n === 222 ? 'f' : '.')),
    last: tick('FAILURE', now - 2 * HOUR, { why: 'KeyError: delay' }),
    failures: 1
  }),
  automationRow('weather_half_hour', {
    starts: ['refresh_weather'],
    when: 'every 30 minutes',
    note: null,
    next: [now + 12 * MIN, now + 42 * MIN],
    strip: day(n => (n % 5 ? '.' : n === 180 ? 'f' : n === 70 || n === 75 ? 'm' : 'r')),
    last: tick('SUCCESS', now - 18 * MIN, { run_ids: ['a0d58c33f1'] })
  }),
  automationRow('weather_sensor', {
    kind: 'sensor',
    starts: ['refresh_weather'],
    when: 'looks every 30 s',
    zone: null,
    note: null,
    next: [now + 8000],
    strip: day(n => ([30, 100, 170, 238].includes(n) ? 'r' : n === 236 ? 'f' : n === 235 ? 'm' : 's')),
    last: tick('SKIPPED', now - 22_000, { why: 'no new files in incoming/' })
  }),
  automationRow('monthly_archive', {
    starts: ['archive'],
    when: 'at 03:30, on day 1 of the month',
    on: false,
    next: [],
    switched: true
  }),
  automationRow('tell_on_failure', {
    kind: 'sensor',
    starts: ['notify'],
    when: 'looks every 30 s',
    zone: null,
    note: 'runs of any job that end in FAILURE',
    owner: 'alerts.ipynb, process 4711',
    next: [],
    strip: day(n => ([116, 118, 223, 239].includes(n) ? 'r' : '.')),
    last: tick('SUCCESS', now - 6 * MIN, { run_ids: ['90c4aa18d1'], why: '2 s late' }),
    trouble: null
  })
];

export const automation = (): Automation => ({
  rows: rows(),
  scheduler: { alive: true, lag_s: 0, jumped_at: null, jump_s: 0 },
  pin: {
    key: '0123456789abcdef',
    state: 'keeping',
    automations: ['daily_report', 'weather_half_hour'],
    moved_on: true,
    text: "Live: this kernel sees to it, and gives it to the Jupyter server's when it ends. The notebook has moved on since: %jk pin takes up what is new."
  },
  unrun: []
});

export const noAutomation = (): Automation => ({
  rows: [],
  scheduler: { alive: false, lag_s: 0, jumped_at: null, jump_s: 0 },
  pin: null,
  unrun: []
});

/** As many schedules as wanted, each with ticks all day long. */
export const manyAutomations = (count: number): Automation => ({
  ...automation(),
  rows: Array.from({ length: count }, (_, i) =>
    automationRow(`schedule_${i}`, {
      when: 'every minute',
      next: [now + (i % 60) * 1000],
      strip: day(n => 'rsfm.'[(n * 7 + i) % 5]),
      last: tick('SUCCESS', now - i * 1000)
    })
  )
});

export function automationOf(name: string): AutomationDetails {
  return {
    name,
    description: 'Looks for new weather files and refreshes what comes of them.',
    facts: { 'time limit': '60 s', tags: 'team=weather' },
    code: {
      source: `%%sensor ${name} --job refresh_weather --every 30s\nnewest = latest()\nRunRequest(run_key=newest)\n`,
      language: 'python',
      cell: 9,
      cell_id: 'c9'
    },
    next: [
      { at: now + 12 * MIN, local: 'Tue 03 Mar 2026 07:12 EST' },
      { at: now + 42 * MIN, local: 'Tue 03 Mar 2026 07:42 EST' }
    ],
    cursor: '1763800041',
    run_keys: [
      { key: 'weather-2013-04', run_id: '90c4aa18d1' },
      { key: '<b>weather</b>', run_id: 'a0d58c33f1' }
    ],
    more_keys: false,
    ticks: [
      tick('SKIPPED', now - 30_000, { why: 'no new files in incoming/', cursor: '1763800041' }),
      tick('SKIPPED', now - 60_000, { why: "A run was launched before for run key 'weather-2013-04'." }),
      tick('SUCCESS', now - 90_000, { run_ids: ['90c4aa18d1'], run_keys: ['weather-2013-04'], took_s: 0.011 }),
      tick('FAILURE', now - 120_000, { why: 'PermissionError: incoming/.part' }),
      tick('MISSED', now - 50 * MIN, {
        why: '9 times missed: 2026-03-03 06:58 to 2026-03-03 07:02 UTC; nobody was there',
        missed: 9,
        first_at: now - 54 * MIN
      })
    ],
    more: true,
    conditions: name === 'weather_sensor' ? [conditionShown(), { ...conditionShown(), key: 'planes' }] : [],
    more_conditions: 0
  };
}

export const preview = (): LookPreview => ({
  token: '1',
  at: null,
  count: 1,
  requests: ['weather-2013-05, of refresh_weather'],
  skip_reason: null,
  moves_cursor: true,
  cursor: '1763800099',
  log: [{ at: now, level: 'INFO', text: 'looked into incoming/' }],
  error: null
});
