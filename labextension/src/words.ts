/**
 * How facts are said: ages, durations, counts, causes, and the sentence a screen reader hears.
 * Pure; the present moment comes in as an argument. Called by every view.
 */
import type { Cause, GraphNode, LogLine, NodeStatus, RunRow, RunStatus, StatusWord, StepRow } from './protocol';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const STATUS_ORDER: readonly StatusWord[] = [
  'failed',
  'stale',
  'never',
  'running',
  'queued',
  'canceled',
  'skipped',
  'fresh'
];
const STATUS_LABEL: Partial<Record<StatusWord, string>> = { never: 'never run' };
export const statusLabel = (word: StatusWord): string => STATUS_LABEL[word] ?? word;

const CAUSE_LABEL: Record<Cause, string> = {
  code: 'code changed',
  helper: 'helper changed',
  upstream: 'upstream will change',
  config: 'config changed',
  packages: 'packages changed'
};
export const causeLabel = (cause: Cause | null): string => (cause ? CAUSE_LABEL[cause] : '');

/** `2 h`, `6 min`, `now`: short, always rounded down. */
export function age(at: number | null, now: number): string {
  if (at === null) {
    return '';
  }
  const gone = Math.max(0, now - at);
  if (gone < 10 * SECOND) {
    return 'now';
  }
  if (gone < MINUTE) {
    return `${Math.floor(gone / SECOND)} s`;
  }
  if (gone < HOUR) {
    return `${Math.floor(gone / MINUTE)} min`;
  }
  return gone < DAY ? `${Math.floor(gone / HOUR)} h` : `${Math.floor(gone / DAY)} d`;
}

/** `0.8 s`, `42 s`, `1 m 16 s`, `2 h 05 m`; `12 ms` below a tenth of a second. */
export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) {
    return '';
  }
  if (seconds < 0.0995) {
    return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  }
  if (seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  const two = (n: number) => String(n).padStart(2, '0');
  return whole < 3600
    ? `${Math.floor(whole / 60)} m ${two(whole % 60)} s`
    : `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
}

export const count = (n: number): string => n.toLocaleString('en-US').replace(/-/g, '−');
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** The exact time for a hover, local and UTC. */
export function exactTime(at: number | null): string {
  if (at === null) {
    return '';
  }
  const when = new Date(at);
  return `${when.toLocaleString()} (${when
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '')} UTC)`;
}

const two = (n: number): string => String(n).padStart(2, '0');
export const clockTime = (at: number): string => {
  const when = new Date(at);
  return `${two(when.getHours())}:${two(when.getMinutes())}`;
};
export const clockSeconds = (at: number): string => `${clockTime(at)}:${two(new Date(at).getSeconds())}`;
export const clockMillis = (at: number | null): string => {
  if (at === null) {
    return '';
  }
  const when = new Date(at);
  return `${clockTime(at)}:${two(when.getSeconds())}.${String(when.getMilliseconds()).padStart(3, '0')}`;
};

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** `today 06:00`, `yesterday 06:00`, `Fri 06:00`, `3 Mar 06:00`. */
export function dayTime(at: number | null, now: number): string {
  if (at === null) {
    return '';
  }
  const when = new Date(at);
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const days = Math.round((midnight - new Date(at).setHours(0, 0, 0, 0)) / DAY);
  const named: Record<number, string> = { 0: 'today', 1: 'yesterday' };
  const day =
    named[days] ??
    (days > 1 && days < 7
      ? WEEKDAYS[when.getDay()]
      : when.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' }));
  return `${day} ${clockTime(at)}`;
}

/** How far a running step is, 0 to 1, or null when nothing is known; never quite done by the clock alone. */
export function progressOf(status: NodeStatus, now: number): number | null {
  if (status.progress !== null) {
    return Math.min(1, Math.max(0, status.progress));
  }
  if (!status.usual_s || status.started_at === null) {
    return null;
  }
  return Math.min(0.97, Math.max(0, now - status.started_at) / (status.usual_s * SECOND));
}

function runningText(status: NodeStatus, now: number): string {
  const spent = status.started_at === null ? '' : duration(Math.floor(Math.max(0, now - status.started_at) / SECOND));
  const whole = (spent || 'running').replace('0 ms', '0 s');
  return status.usual_s && spent
    ? `${whole} of ~${duration(Math.max(1, Math.round(status.usual_s)))}`.replace(/\.0 s/g, ' s')
    : whole.replace('.0 s', ' s');
}

const TRIGGERS: Record<string, string> = {
  manual: 'by hand',
  widget: 'from the graph',
  reexecution: 'run again'
};
type Started = Pick<RunRow, 'trigger' | 'tags' | 'parent_run_id'>;

/** What started a run, in words: `by hand`, `retry 1`, `run again from failure`. */
export function triggerWords(run: Started): string {
  const number = run.tags['dagster/retry_number'];
  if (number) {
    return `retry ${number}`;
  }
  const words = TRIGGERS[run.trigger] ?? run.trigger;
  return run.tags['dagster/is_resume_retry'] === 'true' && run.parent_run_id ? `${words} from failure` : words;
}

/** What follows a run that failed: `will retry`, `retried as b2c3d4e5`, or nothing. */
export function retryWords(run: Pick<RunRow, 'tags' | 'status'>, known: (runId: string) => boolean): string {
  if (run.status !== 'FAILURE' || run.tags['dagster/will_retry'] !== 'true') {
    return '';
  }
  const next = run.tags['dagster/auto_retry_run_id'];
  return next && known(next) ? `retried as ${shortId(next)}` : 'will retry';
}

/** Why something waits, without the word that its glyph says. */
export const waitWords = (waiting: string): string => waiting.replace(/^waits: /, '');

/** `again in 3 s`, or `again now` once it is due. */
export function againWords(at: number, now: number): string {
  const left = Math.ceil((at - now) / SECOND);
  return left > 0 ? `again in ${duration(left).replace('.0 s', ' s')}` : 'again now';
}

export type Tone = 'fail' | 'warn' | 'run' | '';

/** Whether some of its partitions are made and fresh, and the others were never made. */
export const isPartly = (status: NodeStatus | undefined): boolean =>
  status?.status === 'stale' &&
  Boolean(status.partitions?.missing) &&
  !status.partitions?.stale &&
  !status.partitions?.failed;

/** What its status is called: `stale`, `partly made`. */
export const nodeWord = (status: NodeStatus | undefined): string =>
  isPartly(status) ? 'partly made' : statusLabel(status?.status ?? 'never');

/** `12 of 31`, of an asset with partitions. */
const madeWords = (status: NodeStatus): string | null =>
  status.partitions ? `${count(status.partitions.made)} of ${count(status.partitions.of)}` : null;

/** The most urgent thing to say about a node, and the colour it may carry. */
export function urgent(status: NodeStatus | undefined, now: number): { text: string; tone: Tone } {
  const join = (word: string, at: number | null) => {
    const since = age(at, now);
    return since && since !== 'now' ? `${word} · ${since}` : word;
  };
  switch (status?.status) {
    case 'running':
      return { text: runningText(status, now), tone: 'run' };
    case 'failed':
      return { text: join('failed', status.at), tone: 'fail' };
    case 'stale':
      if (isPartly(status)) {
        return { text: join(madeWords(status) ?? '', status.at), tone: '' };
      }
      return { text: join(status.cause ?? madeWords(status) ?? 'stale', status.at), tone: 'warn' };
    case 'queued':
      if (status.again_at !== null) {
        return { text: againWords(status.again_at, now), tone: 'warn' };
      }
      return { text: status.waiting === null ? 'queued' : 'pool full', tone: '' };
    case 'skipped':
      return { text: status.status, tone: '' };
    case 'canceled':
      return { text: join('canceled', status.at), tone: '' };
    case 'fresh':
      return status.edited ? { text: join('edited', status.at), tone: 'run' } : { text: age(status.at, now), tone: '' };
    default:
      return { text: 'never run', tone: '' };
  }
}

/** `clean_flights, stale, code changed, 2 of 4 in layer 2` */
/** What a row says of it, where its age has a place of its own. */
export function factOf(status: NodeStatus | undefined, now: number): string {
  switch (status?.status) {
    case 'failed':
      return status.error?.split(':')[0] ?? 'failed';
    case 'stale':
      return (isPartly(status) ? '' : causeLabel(status.cause)) || madeWords(status) || 'stale';
    case 'fresh':
      return status.edited ? 'edited' : '';
    default:
      return urgent(status, now).text;
  }
}

export function spokenNode(node: GraphNode, status: NodeStatus | undefined): string {
  const parts = [node.label, nodeWord(status)];
  if (status?.status === 'stale' && status.cause) {
    parts.push(causeLabel(status.cause));
  }
  if (status?.partitions) {
    parts.push(status.partitions.text);
  }
  if (status?.error) {
    parts.push(status.error);
  }
  if (node.type === 'group') {
    parts.push(plural(node.members, 'asset'));
  }
  if (node.layer_size > 0) {
    parts.push(`${node.index + 1} of ${node.layer_size} in layer ${node.layer + 1}`);
  }
  return parts.join(', ');
}

const RUN_WORD: Record<RunStatus, string> = {
  QUEUED: 'queued',
  NOT_STARTED: 'not started',
  STARTING: 'starting',
  STARTED: 'running',
  SUCCESS: 'succeeded',
  FAILURE: 'failed',
  CANCELING: 'canceling',
  CANCELED: 'canceled'
};
export const runWord = (status: RunStatus): string => RUN_WORD[status] ?? String(status).toLowerCase();
export const shortId = (runId: string): string => runId.slice(0, 8);

export type LogClass = 'error' | 'warning' | 'info' | 'debug';
const LOG_CLASS: Record<string, LogClass> = {
  ERROR: 'error',
  CRITICAL: 'error',
  WARNING: 'warning',
  DEBUG: 'debug'
};
/** Which of the four filters a line falls under; stdout, stderr, events and displays count as info. */
export const logClass = (line: LogLine): LogClass =>
  LOG_CLASS[line.level] ?? (/^\w+_FAILURE\b/.test(line.text) && line.level === 'event' ? 'error' : 'info');

/** How the steps stand, in words: `4 done, 1 failed, 3 not run`. */
export function stepsWords(steps: StepRow[]): string {
  const count = (...words: string[]) => steps.filter(step => words.includes(step.status)).length;
  const parts: [number, string][] = [
    [count('fresh'), 'done'],
    [count('running'), 'running'],
    [count('failed'), 'failed'],
    [count('queued'), 'waiting'],
    [count('skipped', 'never', 'stale'), 'not run'],
    [count('canceled'), 'canceled']
  ];
  return parts
    .filter(([n]) => n)
    .map(([n, word]) => `${n} ${word}`)
    .join(', ');
}
