/**
 * The list of runs: newest first, filtered by job and status, more on demand. New rows arrive by push. A row
 * opens the run.
 */
import { cancel, cancelFace } from '../actions';
import { mergeRuns } from '../changes';
import { grouped } from '../groups';
import type { Placed } from '../groups';
import { isActive, runGlyph } from '../protocol';
import type { RunRow } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import {
  age,
  dayTime,
  duration,
  exactTime,
  plural,
  retryWords,
  runWord,
  shortId,
  statusLabel,
  triggerWords,
  waitWords
} from '../words';
import { h, put } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';
import { button, dropdown, iconButton } from './menu';
import { putOff } from './press';
import { skeleton, trouble } from './states';

const PAGE = 50;
const FILTERS: [string | null, string, (run: RunRow) => boolean][] = [
  [null, 'Any status', () => true],
  ['ACTIVE', 'Running and queued', isActive],
  ['SUCCESS', 'Succeeded', run => run.status === 'SUCCESS'],
  ['FAILURE', 'Failed', run => run.status === 'FAILURE'],
  ['CANCELED', 'Canceled', run => run.status === 'CANCELED']
];
const MOST_SEGMENTS = 24;

export class RunsList {
  readonly element = h('div.jk-runs');
  private readonly bar = h('div.jk-bar');
  private readonly table = h('div.jk-table', { role: 'list', 'aria-label': 'Runs' });
  private readonly foot = h('div.jk-more');
  private rows: RunRow[] = [];
  private more = false;
  private job: string | null = null;
  private status: string | null = null;
  private error: string | null = null;
  private loaded = false;
  private turn = 0;

  constructor(private readonly session: Session) {
    this.element.append(this.bar, this.table, this.foot);
    this.table.addEventListener('keydown', event => this.onKey(event));
    this.rows = session.snapshot?.runs ?? [];
    this.draw();
  }

  /** Read the first page for the filters. */
  async read(before: number | null = null): Promise<void> {
    const turn = ++this.turn;
    const status = this.status === 'ACTIVE' ? null : this.status;
    try {
      const { rows, more } = await this.session.ask('runs', { job: this.job, status, before, limit: PAGE });
      if (turn === this.turn) {
        this.rows = before === null ? rows : mergeRuns(this.rows, rows);
        Object.assign(this, { more, error: null, loaded: true });
      }
    } catch (error) {
      this.error = this.session.gone ? null : sentence(error);
    }
    this.draw();
  }

  /** A push came. */
  update(): void {
    this.rows = mergeRuns(this.rows, this.session.snapshot?.runs ?? []);
    this.draw();
  }

  tick(): void {
    this.draw();
  }

  private filtered(): RunRow[] {
    const passes = FILTERS.find(([word]) => word === this.status)?.[2] ?? (() => true);
    return this.rows.filter(run => (this.job === null || run.job_name === this.job) && passes(run));
  }

  private readonly draw = (): void => {
    if (putOff(this.draw)) {
      return;
    }
    const held = (document.activeElement as HTMLElement | null)?.dataset?.run ?? null;
    const rows = this.filtered();
    this.drawBar(rows.length);
    const now = Date.now();
    const body = this.error
      ? trouble(this.error, () => void this.read())
      : rows.length
        ? grouped(rows).map(placed => this.row(placed, now))
        : this.loaded
          ? this.nothing()
          : skeleton();
    put(this.table, body);
    put(this.foot, this.more && !this.error ? button('Show more', () => void this.read(oldest(this.rows))) : null);
    this.foot.hidden = !this.more;
    if (held) {
      this.table.querySelector<HTMLElement>(`[data-run="${CSS.escape(held)}"]`)?.focus();
    }
  };

  private nothing(): HTMLElement {
    const drop = () => {
      this.job = this.status = null;
      void this.read();
    };
    return this.job === null && this.status === null
      ? h(
          'div.jk-state',
          null,
          h('span.jk-h', null, 'No runs yet'),
          h('span', null, 'Materialize an asset or launch a job. Its run appears here.')
        )
      : h(
          'div.jk-state',
          null,
          h(
            'span',
            null,
            `No run matches ${[this.job && jobLabel(this.job), this.statusLabel().toLowerCase()].filter(Boolean).join(', ')}.`
          ),
          button('Show all runs', drop)
        );
  }

  private statusLabel(): string {
    return this.status === null ? '' : (FILTERS.find(([word]) => word === this.status)?.[1] ?? '');
  }

  private drawBar(n: number): void {
    const jobs = [
      ...new Set([...(this.session.snapshot?.jobs.map(job => job.name) ?? []), ...this.rows.map(run => run.job_name)])
    ].sort();
    const pick = (change: { job?: string | null; status?: string | null }) => {
      Object.assign(this, change);
      void this.read();
    };
    const signature = JSON.stringify([jobs, this.job, this.status]);
    if (this.bar.dataset.drawn !== signature) {
      this.bar.dataset.drawn = signature;
      put(
        this.bar,
        dropdown(this.job === null ? 'All jobs' : jobLabel(this.job), 'Job', () =>
          [null, ...jobs].map(job => ({
            label: job === null ? 'All jobs' : jobLabel(job),
            checked: job === this.job,
            run: () => pick({ job })
          }))
        ),
        dropdown(this.statusLabel() || 'Any status', 'Status', () =>
          FILTERS.map(([status, label]) => ({ label, checked: status === this.status, run: () => pick({ status }) }))
        ),
        h('span.jk-grow'),
        h('span.jk-mut.jk-nw')
      );
    }
    (this.bar.lastElementChild as HTMLElement).textContent = n
      ? `${plural(n, 'run')}${this.more ? ', more below' : ''}`
      : '';
  }

  private row({ run, under }: Placed, now: number): HTMLElement {
    const active = isActive(run);
    const took =
      active && run.started_at !== null
        ? duration(Math.floor((now - run.started_at) / 1000))
        : duration(run.duration_s);
    const about = this.about(run, under);
    const begun = run.started_at ?? run.queued_at;
    return h(
      `div.jk-rr${under ? '.jk-under' : ''}${run.waiting ? '.jk-waits' : ''}`,
      {
        role: 'listitem',
        tabindex: 0,
        'data-run': run.run_id,
        'aria-label': [run.title, runWord(run.status), age(begun, now), took, marks(run), about.text]
          .filter(Boolean)
          .join(', '),
        onclick: () => this.session.open({ tab: 'runs', run: run.run_id })
      },
      glyph(runGlyph(run.status), 14, runWord(run.status)),
      h(
        'span.jk-cut.jk-job',
        null,
        under ? glyph('retry', 12) : null,
        h('span', { class: run.status === 'FAILURE' ? 'jk-b' : '', title: run.title }, run.title),
        h('span.jk-mut.jk-marks', null, marks(run))
      ),
      h('code.jk-mut', { title: run.run_id }, shortId(run.run_id)),
      h('span.jk-cut.jk-by.jk-mut', { title: about.text }, about.shown),
      run.waiting ? null : strip(run),
      h(
        'span.jk-num.jk-when',
        { title: exactTime(begun) },
        begun === null
          ? runWord(run.status)
          : begun > now - 86_400_000
            ? agoWords(age(begun, now))
            : dayTime(begun, now)
      ),
      h('span.jk-num.jk-took', null, took),
      active ? this.stop(run) : h('span')
    );
  }

  private stop(run: RunRow): HTMLElement {
    const press = (event: Event) => {
      event.stopPropagation();
      void cancel(this.session, run.run_id, run.status);
    };
    return iconButton('stop', cancelFace(this.session, run).title, press, 'sm.jk-rowstop');
  }

  /** What is said of a run beside its name: why it waits, what went wrong, what started it. */
  private about(run: RunRow, under: boolean): { shown: Child; text: string } {
    const parent = run.parent_run_id;
    const origin = triggerWords(run) + (parent && !under ? ` of ${shortId(parent)}` : '');
    const next = retryWords(run, id => this.rows.some(row => row.run_id === id));
    const parts: [words: string, look: string][] = run.waiting
      ? [[waitWords(run.waiting), '']]
      : run.status === 'FAILURE' && run.error
        ? [
            [next, ''],
            [run.error, 'jk-t-fail']
          ]
        : [
            [run.abandoned.length ? `abandoned: ${run.abandoned.join(', ')}` : '', 'jk-t-warn'],
            [origin, ''],
            [run.notebook ? `in ${run.notebook}` : '', '']
          ];
    const said = parts.filter(([words]) => words);
    return {
      shown: said.map(([words, look], i) => [i ? ' · ' : '', h('span', { class: look }, words)]),
      text: said.map(([words]) => words).join(' · ')
    };
  }

  private onKey(event: KeyboardEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>('.jk-rr');
    const onRow = row === event.target;
    const to: Record<string, 'nextElementSibling' | 'previousElementSibling'> = {
      j: 'nextElementSibling',
      ArrowDown: 'nextElementSibling',
      k: 'previousElementSibling',
      ArrowUp: 'previousElementSibling'
    };
    if (row && to[event.key]) {
      event.preventDefault();
      (row[to[event.key]] as HTMLElement | null)?.focus();
    } else if (row && onRow && event.key === 'Enter') {
      row.click();
    }
  }
}

/** What was chosen for a run beside what its job says: partition, retry, priority, executor. */
function marks(run: RunRow): string {
  const priority = run.priority ? `priority ${run.priority}`.replace('-', '−') : '';
  const retry = run.status === 'FAILURE' && run.tags['dagster/retry_number'] ? triggerWords(run) : '';
  return [run.partition_key, retry, priority, run.chosen_executor].filter(Boolean).join(' · ');
}

/** Runs of assets chosen by hand have Dagster's name for no job. */
const jobLabel = (name: string): string => (name === '__ASSET_JOB' ? 'Without a job' : name);

export const agoWords = (text: string): string => (text === 'now' || text === '' ? text : `${text} ago`);

const oldest = (rows: RunRow[]): number | null =>
  rows.reduce<number | null>(
    (least, run) => Math.min(least ?? Infinity, run.queued_at ?? run.started_at ?? Infinity),
    null
  );

/** One small mark per step: ok low and soft, failed tall. Many steps are drawn as shares, failing ones kept. */
export function strip(run: RunRow): HTMLElement {
  const marks = shares(run.segments);
  const words = `${run.steps_done} of ${run.steps_total} done${run.steps_failed ? `, ${run.steps_failed} failed` : ''}`;
  return h(
    'span.jk-strip',
    { title: words, role: 'img', 'aria-label': words },
    marks.map(word => h(`i.jk-x-${word}`, { title: statusLabel(word) }))
  );
}

export function shares(segments: RunRow['segments']): RunRow['segments'] {
  if (segments.length <= MOST_SEGMENTS) {
    return segments;
  }
  const size = segments.length / MOST_SEGMENTS;
  return Array.from({ length: MOST_SEGMENTS }, (_, i) => {
    const part = segments.slice(Math.floor(i * size), Math.max(Math.floor(i * size) + 1, Math.floor((i + 1) * size)));
    return (
      part.find(word => word === 'failed') ??
      part.find(word => word === 'running') ??
      part.find(word => word !== 'fresh') ??
      'fresh'
    );
  });
}
