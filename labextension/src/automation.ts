/**
 * How schedules and sensors are said and drawn: what a push changes, words for the next and the last look, the marks
 * of a day. Pure; the present moment comes in as an argument. Called by the session and the automation view.
 */
import { isActive, runGlyph } from './protocol';
import type {
  Automation,
  AutomationChange,
  AutomationRow,
  PinRow,
  RunRow,
  SchedulerRow,
  StatusWord,
  Strip,
  TickRow
} from './protocol';
import { age, clockTime, dayTime, duration, plural, runWord, shortId } from './words';

export const BUCKET = 360_000;
/** The strip: so many marks before now, so many after it. */
export const PAST = 240;
export const AHEAD = 10;

export const NO_AUTOMATION: Automation = {
  rows: [],
  scheduler: { alive: false, lag_s: 0, jumped_at: null, jump_s: 0 },
  pin: null,
  unrun: []
};

/** Return what a push makes of it: rows by name, strips by mark; rows that are the same stay the same objects. */
export function changed(held: Automation, change: AutomationChange): Automation {
  const { rows, ...around } = change;
  if (!rows.length) {
    return { ...held, ...around };
  }
  const moved = new Map(rows.map(row => [row.name, row]));
  return { ...held, ...around, rows: held.rows.map(row => changedRow(row, moved.get(row.name))) };
}

function changedRow(row: AutomationRow, change: Partial<AutomationRow> | undefined): AutomationRow {
  return change ? { ...row, ...change, strip: change.strip ? merged(row.strip, change.strip) : row.strip } : row;
}

/** Lay newer marks over older ones; what is older than a day before the newest goes. */
export function merged(held: Strip, more: Strip): Strip {
  const within = more.first - held.first;
  if (held.marks && within >= 0 && within + more.marks.length <= held.marks.length && !more.marks.includes('.')) {
    const after = held.marks.slice(within + more.marks.length);
    return { first: held.first, marks: held.marks.slice(0, within) + more.marks + after };
  }
  const marks = new Map<number, string>();
  for (const strip of [held, more]) {
    [...strip.marks].forEach((mark, i) => mark !== '.' && marks.set(strip.first + i, mark));
  }
  const last = Math.max(...marks.keys());
  const kept = [...marks.keys()].filter(place => place > last - PAST - 1);
  const first = Math.min(...kept);
  return {
    first,
    marks: Array.from({ length: last - first + 1 }, (_, i) => marks.get(first + i) ?? '.').join('')
  };
}

export const bucketOf = (at: number): number => Math.floor(at / BUCKET);

/** By mark, what to draw in a box of 250 × 20 whose now is at 240: low for skipped, high for failed. */
export function stripPaths(strip: Strip, now: number): Record<string, string> {
  const paths: Record<string, string> = {};
  const today = bucketOf(now);
  [...strip.marks].forEach((mark, i) => {
    const x = PAST - (today - (strip.first + i)) - 1;
    if (mark !== '.' && x >= 0 && x <= PAST) {
      paths[mark] = (paths[mark] ?? '') + MARKS[mark]?.(x);
    }
  });
  return paths;
}

const bar = (width: number, height: number) => (x: number) => `M${x} 18v-${height}h${width}v${height}z`;
const MARKS: Record<string, (x: number) => string> = {
  r: bar(2.4, 14),
  s: x => bar(2, 3)(x - 1),
  f: x => bar(4, 18)(x - 1),
  m: x => `M${x - 0.5} 17.5v-13h3v13z`
};

/** Where coming looks stand in the strip, in hundredths of its width. */
export const ringsOf = (next: readonly number[], now: number): number[] =>
  next
    .map(at => ((PAST + (at - now) / BUCKET) / (PAST + AHEAD)) * 100)
    .filter(place => place <= 99 && place >= (PAST / (PAST + AHEAD)) * 100);

/** `in 8 s`, `in 12 min`, `in 3 h`, `in 4 d`, `now`. */
export function inWords(at: number, now: number): string {
  const left = Math.ceil((at - now) / 1000);
  if (left <= 0) {
    return 'now';
  }
  if (left < 60) {
    return `in ${left} s`;
  }
  if (left < 3600) {
    return `in ${Math.round(left / 60)} min`;
  }
  return left < 172_800 ? `in ${Math.round(left / 3600)} h` : `in ${Math.round(left / 86_400)} d`;
}

const two = (n: number): string => String(n).padStart(2, '0');
/** `07:48:00` where seconds count, `08:00`, `tomorrow 06:00`, `Fri 06:00`, `3 Mar 06:00`. */
export function nextTime(at: number, now: number): string {
  const when = new Date(at);
  const days = Math.round((new Date(at).setHours(0, 0, 0, 0) - new Date(now).setHours(0, 0, 0, 0)) / 86_400_000);
  const seconds = when.getSeconds() ? `:${two(when.getSeconds())}` : '';
  if (days === 0) {
    return clockTime(at) + seconds;
  }
  return days === 1
    ? `tomorrow ${clockTime(at)}`
    : `${when.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clockTime(at)}`;
}

/** When it looks next: the moment, and how far it is. */
export function nextWords(row: AutomationRow, now: number): [string, string] {
  if (row.looking_since !== null) {
    return ['looking', duration(Math.max(0, Math.floor((now - row.looking_since) / 1000))).replace('0 ms', 'now')];
  }
  if (!row.on) {
    return ['–', 'off'];
  }
  const next = row.next.find(at => at > now) ?? row.next[row.next.length - 1];
  if (next === undefined) {
    return ['–', row.owner === null ? '' : 'elsewhere'];
  }
  return [nextTime(next, now), inWords(next, now)];
}

const TICK_GLYPH: Record<TickRow['status'], StatusWord | 'missed'> = {
  STARTED: 'running',
  SUCCESS: 'fresh',
  SKIPPED: 'skipped',
  FAILURE: 'failed',
  MISSED: 'missed'
};
export const tickGlyph = (tick: TickRow): StatusWord | 'missed' => TICK_GLYPH[tick.status] ?? 'never';
export const tickWord = (tick: TickRow): string =>
  ({ STARTED: 'launching', SUCCESS: 'requested', SKIPPED: 'skipped', FAILURE: 'failed', MISSED: 'missed' })[
    tick.status
  ] ?? tick.status;

/** What a tick did, without its runs' names: `2 runs`, `skipped: no new files`, `KeyError: delay`, `9 missed`. */
export function tickWords(tick: TickRow): string {
  switch (tick.status) {
    case 'SKIPPED':
      return `skipped${tick.why ? `: ${tick.why}` : ''}`;
    case 'FAILURE':
      return tick.why ?? 'failed';
    case 'MISSED':
      return tick.why ?? 'missed';
    default: {
      const runs = tick.run_ids.length ? plural(tick.run_ids.length, 'run') : 'launched nothing';
      return tick.why ? `${runs}, ${tick.why}` : runs;
    }
  }
}

export interface LastFace {
  glyph: StatusWord | 'missed';
  what: string;
  when: string;
  tone: 'fail' | '';
}

/** The last look in two lines; where its only run is known, what became of that. */
export function lastFace(row: AutomationRow, runs: readonly RunRow[], now: number): LastFace {
  const { last } = row;
  if (!last) {
    return { glyph: 'never', what: 'never looked', when: row.on ? '' : 'switched off', tone: '' };
  }
  const gone = age(last.at, now);
  const when = gone === 'now' || !gone ? gone : `${gone} ago`;
  const run = last.run_ids.length === 1 ? runs.find(one => one.run_id === last.run_ids[0]) : undefined;
  if (run && last.status === 'SUCCESS') {
    const failed = run.status === 'FAILURE';
    const took = isActive(run) || failed || run.duration_s === null ? '' : `, ${duration(run.duration_s)}`;
    const what =
      run.status === 'SUCCESS' ? `1 run${took}` : `run ${shortId(run.run_id).slice(0, 4)} ${runWord(run.status)}`;
    return { glyph: runGlyph(run.status), what, when, tone: failed ? 'fail' : '' };
  }
  const what = last.status === 'SKIPPED' ? (last.why ?? 'skipped') : tickWords(last);
  return { glyph: tickGlyph(last), what, when, tone: last.status === 'FAILURE' ? 'fail' : '' };
}

export const runsWhat = (row: AutomationRow): string =>
  row.starts.length ? `runs ${row.starts.join(', ')}` : 'runs assets';

/** What the switch does when it is pressed now. */
export function switchWords(row: AutomationRow): string {
  return row.on
    ? `Switch ${row.name} off: it starts nothing until it is on again`
    : `Switch ${row.name} on: it ${row.kind === 'schedule' ? 'starts at its next time' : row.when}; what is past is not made up for`;
}

/** The zone that times are shown in. */
export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
export const cityOf = (zone: string): string => zone.replace(/^.*\//, '').replace(/_/g, ' ');

/** What of a pin stands beside whether it is live; all of it is on hover. */
export function pinWords(pin: PinRow): string {
  return pin.text.startsWith('Live')
    ? `${plural(pin.automations.length, 'goes on', 'go on')} when this notebook closes`
    : pin.text.replace(/^Pinned; /, '').replace(/ The notebook has moved on.*$/, '');
}

/** What there is to know of the scheduler beside that it runs. */
export function schedulerFacts(rows: readonly AutomationRow[], scheduler: SchedulerRow): string[] {
  const others = rows.filter(row => row.owner !== null).length;
  const facts = [`${rows.filter(row => row.on).length} of ${rows.length} on`];
  if (others) {
    facts.push(`${others} in another kernel`);
  }
  if (scheduler.lag_s > 0) {
    facts.push(`lately ${duration(scheduler.lag_s)} late`);
  }
  return facts;
}

/** That the clock went another way than time did, or nothing. */
export function jumpWords({ jumped_at, jump_s }: SchedulerRow, now: number): string {
  if (jumped_at === null) {
    return '';
  }
  const way = jump_s > 0 ? 'ahead' : 'back';
  return `the clock went ${duration(Math.abs(jump_s))} ${way}, or the machine slept, ${dayTime(jumped_at, now)}`;
}

/** Which definitions are known whose cells have not run, in one sentence. */
export function unrunWords(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ') + (names.length > 6 ? ` and ${names.length - 6} more` : '');
  const are = names.length === 1 ? 'definition of this notebook is' : 'definitions of this notebook are';
  return `${names.length} ${are} known whose cells have not run in this kernel: ${shown}.`;
}
