/**
 * The list of runs: newest first, filtered by job and status, more on demand. New rows arrive by push. A row
 * opens the run.
 */
import { cancel, cancelFace } from '../actions';
import { backfillOf, entriesOf, isOpen, mergeBackfills } from '../backfills';
import type { Entry } from '../backfills';
import { mergeRuns } from '../changes';
import type { Placed } from '../groups';
import { isActive, runGlyph } from '../protocol';
import type { BackfillRow, RunRow } from '../protocol';
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
  triggerWords,
  waitWords
} from '../words';
import { backfillActs, backfillLine } from './backfill_row';
import { h, put } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';
import { button, dropdown, iconButton } from './menu';
import { putOff } from './press';
import { skeleton, trouble } from './states';
import { strip } from './strip';

const PAGE = 50;
type Filter = [word: string | null, label: string, runs: (run: RunRow) => boolean, backfills: RegExp | null];
const FILTERS: Filter[] = [
  [null, 'Any status', () => true, /./],
  ['ACTIVE', 'Running and queued', isActive, null],
  ['SUCCESS', 'Succeeded', run => run.status === 'SUCCESS', /SUCCESS/],
  ['FAILURE', 'Failed', run => run.status === 'FAILURE', /FAILED/],
  ['CANCELED', 'Canceled', run => run.status === 'CANCELED', /CANCELED/]
];

/** Whose runs are shown in a screen: a way to a run and back changes nothing of that. */
const shownIn = new WeakMap<Session, Map<string, { more: boolean }>>();

export class RunsList {
  readonly element = h('div.jk-runs');
  private readonly bar = h('div.jk-bar');
  private readonly table = h('div.jk-table', { role: 'list', 'aria-label': 'Runs' });
  private readonly foot = h('div.jk-more');
  private rows: RunRow[] = [];
  private backfills: BackfillRow[] = [];
  /** Whose runs are shown, and whether there are more of them to read. */
  private readonly shown: Map<string, { more: boolean }>;
  private more = false;
  private job: string | null = null;
  private status: string | null = null;
  private error: string | null = null;
  private loaded = false;
  private turn = 0;

  constructor(private readonly session: Session) {
    this.element.append(this.bar, this.table, this.foot);
    this.table.addEventListener('keydown', event => this.onKey(event));
    this.shown = shownIn.get(session) ?? new Map();
    shownIn.set(session, this.shown);
    this.shown.forEach((_, id) => void this.readUnder(id, null));
    this.rows = session.snapshot?.runs ?? [];
    this.backfills = session.snapshot?.backfills ?? [];
    this.draw();
  }

  /** Read the first page for the filters. */
  async read(before: number | null = null): Promise<void> {
    const turn = ++this.turn;
    const status = this.status === 'ACTIVE' ? null : this.status;
    try {
      const asked = { job: this.job, status, before, limit: PAGE };
      const { rows, more, backfills } = await this.session.ask('runs', asked);
      if (turn === this.turn) {
        const kept = this.rows.filter(run => before !== null || this.shown.has(backfillOf(run) ?? ''));
        this.rows = mergeRuns(kept, rows);
        this.backfills = mergeBackfills(before === null ? [] : this.backfills, backfills);
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
    this.backfills = mergeBackfills(this.backfills, this.session.snapshot?.backfills);
    this.draw();
  }

  /** Show a backfill's runs under it, and bring it into view. */
  show(id: string): void {
    if (!this.shown.has(id)) {
      this.toggle(id);
    }
    this.table.querySelector(`[data-backfill="${CSS.escape(id)}"]`)?.scrollIntoView?.({ block: 'nearest' });
  }

  /** Show a backfill's runs under it, or no more. */
  private toggle(id: string): void {
    if (this.shown.delete(id)) {
      return this.draw();
    }
    this.shown.set(id, { more: false });
    this.draw();
    void this.readUnder(id, null);
  }

  private async readUnder(id: string, before: number | null): Promise<void> {
    try {
      const asked = { job: null, status: null, before, limit: PAGE, backfill: id };
      const { rows, more } = await this.session.ask('runs', asked);
      this.rows = mergeRuns(this.rows, rows);
      this.shown.set(id, { more });
      this.draw();
    } catch (error) {
      this.session.setNotice({ text: sentence(error), tone: 'fail', action: null });
    }
  }

  tick(): void {
    this.draw();
  }

  /** What passes the filters; of a backfill that does all runs. */
  private entries(): Entry[] {
    const [, , passes, words] = FILTERS.find(([word]) => word === this.status) ?? FILTERS[0];
    const isOf = (job: string) => this.job === null || job === this.job;
    const backfills = this.backfills.filter(
      row => isOf(row.job_name) && (words === null ? isOpen(row) : words.test(row.status))
    );
    const known = new Set(this.backfills.map(row => row.backfill_id));
    const runs = this.rows.filter(run => known.has(backfillOf(run) ?? '') || (isOf(run.job_name) && passes(run)));
    const shown = new Set(backfills.map(row => row.backfill_id));
    return entriesOf(
      runs.filter(run => !known.has(backfillOf(run) ?? '') || shown.has(backfillOf(run) ?? '')),
      backfills,
      this.shown
    );
  }

  private readonly draw = (): void => {
    if (putOff(this.draw)) {
      return;
    }
    const held = heldRow(this.table);
    const rows = this.entries();
    this.drawBar(rows);
    const now = Date.now();
    const body = this.error
      ? trouble(this.error, () => void this.read())
      : rows.length
        ? rows.map(entry => this.entry(entry, now))
        : this.loaded
          ? this.nothing()
          : skeleton();
    put(this.table, body);
    const next = () => void this.read(oldest(this.rows.filter(run => backfillOf(run) === null)));
    put(this.foot, this.more && !this.error ? button('Show more', next) : null);
    this.foot.hidden = !this.more;
    if (held) {
      this.table.querySelector<HTMLElement>(held)?.focus();
    }
  };

  private entry(entry: Entry, now: number): Child {
    if ('backfill' in entry) {
      const { backfill, isShown } = entry;
      const toggle = () => this.toggle(backfill.backfill_id);
      return [
        backfillLine(this.session, backfill, isShown, now, toggle),
        isShown ? backfillActs(this.session, backfill) : null
      ];
    }
    if ('more' in entry) {
      const own = this.rows.filter(run => backfillOf(run) === entry.more);
      const next = () => void this.readUnder(entry.more, oldest(own));
      return h('div.jk-bfacts', null, button('Show more of its runs', next));
    }
    return this.row(entry, entry.of !== null, now);
  }

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

  private drawBar(shown: Entry[]): void {
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
    const backfills = shown.filter(entry => 'backfill' in entry).length;
    const runs = shown.filter(entry => 'run' in entry && entry.of === null).length;
    const words = [runs ? plural(runs, 'run') : '', backfills ? plural(backfills, 'backfill') : ''];
    const told = [...words, this.more ? 'more below' : ''].filter(Boolean).join(', ');
    (this.bar.lastElementChild as HTMLElement).textContent = shown.length ? told : '';
  }

  private row({ run, under }: Placed, isInside: boolean, now: number): HTMLElement {
    const active = isActive(run);
    const took =
      active && run.started_at !== null
        ? duration(Math.floor((now - run.started_at) / 1000))
        : duration(run.duration_s);
    const about = this.about(run, under, isInside);
    const name = isInside ? partOf(run) : run.title;
    const begun = run.started_at ?? run.queued_at;
    return h(
      `div.jk-rr${under ? '.jk-under' : ''}${isInside ? '.jk-inbf' : ''}${run.waiting ? '.jk-waits' : ''}`,
      {
        role: 'listitem',
        tabindex: 0,
        'data-run': run.run_id,
        'aria-label': [name, runWord(run.status), age(begun, now), took, marks(run, isInside), about.text]
          .filter(Boolean)
          .join(', '),
        onclick: () => this.session.open({ tab: 'runs', run: run.run_id })
      },
      glyph(runGlyph(run.status), 14, runWord(run.status)),
      h(
        'span.jk-cut.jk-job',
        null,
        under ? glyph('retry', 12) : null,
        h('span', { class: run.status === 'FAILURE' ? 'jk-b' : '', title: run.title }, name),
        h('span.jk-mut.jk-marks', null, marks(run, isInside))
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
  private about(run: RunRow, under: boolean, isInside: boolean): { shown: Child; text: string } {
    const parent = run.parent_run_id;
    const origin =
      isInside && run.trigger === 'backfill'
        ? ''
        : triggerWords(run) + (parent && !under ? ` of ${shortId(parent)}` : '');
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
    } else if (row?.dataset.backfill && onRow && (event.key === 'ArrowRight' || event.key === 'ArrowLeft')) {
      if (this.shown.has(row.dataset.backfill) !== (event.key === 'ArrowRight')) {
        this.toggle(row.dataset.backfill);
      }
    }
  }
}

/** Which row, or button of a row, has the focus, so that it can be found again once all is drawn anew. */
function heldRow(table: HTMLElement): string | null {
  const held = document.activeElement as HTMLElement | null;
  const row = held?.closest<HTMLElement>('.jk-rr');
  if (!held || !row || !table.contains(row)) {
    return null;
  }
  const { run, backfill } = row.dataset;
  const found = run ? `[data-run="${CSS.escape(run)}"]` : `[data-backfill="${CSS.escape(backfill ?? '')}"]`;
  return held === row ? found : held.classList.contains('jk-bfopen') ? `${found} .jk-bfopen` : `${found} > button`;
}

/** What was chosen for a run beside what its job says: partition, retry, priority, executor. */
function marks(run: RunRow, isInside: boolean): string {
  const priority = run.priority ? `priority ${run.priority}`.replace('-', '−') : '';
  const retry = run.status === 'FAILURE' && run.tags['dagster/retry_number'] ? triggerWords(run) : '';
  return [isInside ? '' : run.partition_key, retry, priority, run.chosen_executor].filter(Boolean).join(' · ');
}

/** What of its backfill a run makes: a partition, a range of them, or what has none. */
const partOf = (run: RunRow): string => {
  const ends = ['start', 'end'].map(end => run.tags[`dagster/asset_partition_range_${end}`]);
  return run.partition_key ?? (ends[0] ? ends.join('..') : run.title);
};

/** Runs of assets chosen by hand have Dagster's name for no job. */
const jobLabel = (name: string): string => (name === '__ASSET_JOB' ? 'Without a job' : name);

export const agoWords = (text: string): string => (text === 'now' || text === '' ? text : `${text} ago`);

const oldest = (rows: RunRow[]): number | null =>
  rows.reduce<number | null>(
    (least, run) => Math.min(least ?? Infinity, run.queued_at ?? run.started_at ?? Infinity),
    null
  );
