/**
 * The graph's tools: job, search, how to draw, what to cancel and what to run. Knows the session; draws itself
 * again when told.
 */
import { activeRuns, cancel, cancelFace, launch, materialize } from '../actions';
import { countWords, keysWith } from '../changes';
import type { JobRow, RunRow, Scope, StatusWord } from '../protocol';
import type { Session } from '../session';
import { count, plural, runWord, shortId } from '../words';
import { h, put } from './dom';
import { icon } from './glyphs';
import type { IconName } from './glyphs';
import { button, dropdown, iconButton, openMenu, splitButton } from './menu';
import type { MenuItem } from './menu';
import { putOff } from './press';

export type Way = 'auto' | 'LR' | 'TD' | 'list';
const WAYS: [Way, string, IconName][] = [
  ['auto', 'Fit the space', 'tree'],
  ['TD', 'Top to bottom', 'tree'],
  ['LR', 'Left to right', 'across'],
  ['list', 'List', 'list']
];
const SEARCH_AFTER = 180;

/** The active runs of this notebook that concern what is shown; those of others are canceled from the list. */
function ownRuns(session: Session): RunRow[] {
  const own = activeRuns(session).filter(run => run.notebook === null);
  const making = new Set(session.isPart ? session.keys.map(key => session.snapshot?.status[key]?.run_id) : []);
  return session.isPart ? own.filter(run => making.has(run.run_id)) : own;
}

export class Toolbar {
  readonly element = h('div.jk-bar');
  private readonly jobs = h('span.jk-slot');
  private readonly primary = h('span.jk-slot');
  private readonly wider = h('span.jk-slot');
  private readonly way = h('span.jk-slot');
  private readonly input: HTMLInputElement;
  private readonly found = h('span.jk-mut.jk-nw');
  private readonly field: HTMLElement;
  private readonly clear: HTMLElement;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly session: Session,
    private readonly getWay: () => Way,
    private readonly showsList: () => boolean,
    private readonly setWay: (way: Way) => void
  ) {
    this.input = h('input.jk-input', {
      type: 'text',
      placeholder: 'Search or select',
      'aria-label': 'Search or select',
      spellcheck: 'false',
      autocomplete: 'off',
      oninput: () => this.typed(),
      onkeydown: (event: KeyboardEvent) => this.onKey(event)
    });
    this.clear = iconButton('x', 'Clear (Esc)', () => this.reset(), 'sm');
    this.field = h(
      'div.jk-field.jk-grow',
      null,
      icon('search'),
      this.input,
      this.found,
      this.clear,
      h('kbd', null, '/')
    );
    this.field.addEventListener('pointerdown', event => event.target === this.field && this.focusSearch());
    put(this.element, this.jobs, this.field, this.wider, this.way, this.primary);
    this.draw();
  }

  focusSearch(): void {
    this.input.focus();
    this.input.select();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.input.value || this.session.query.focus ? this.reset() : this.input.blur();
    } else if (event.key === 'Enter') {
      clearTimeout(this.timer);
      void this.session.find(this.input.value).then(() => this.goToOnly());
    }
  }

  /** Enter on a search that found one node opens it. */
  private goToOnly(): void {
    const { matches, search } = this.session;
    if (matches?.size === 1 && search === this.input.value) {
      this.session.select([...matches][0]);
    }
  }

  private typed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.session.findWhileTyping(this.input.value), SEARCH_AFTER);
  }

  reset(): void {
    clearTimeout(this.timer);
    this.input.value = '';
    if (this.session.query.focus) {
      this.session.setQuery({ focus: null });
    }
    void this.session.find('');
  }

  readonly draw = (): void => {
    if (putOff(this.draw)) {
      return;
    }
    this.drawJobs();
    this.drawSearch();
    this.drawWay();
    this.drawPrimary();
  };

  private drawJobs(): void {
    const { snapshot, query, isPart } = this.session;
    if (isPart) {
      const about = query.job === null ? 'Selection' : 'Job';
      const text = query.selection ?? query.job ?? '';
      this.once(this.jobs, text, () => [h('code.jk-tok.jk-cut', { title: `${about}: ${text}` }, text)]);
      return;
    }
    const pick = (job: string | null) => this.session.setQuery({ job, focus: null });
    const all: (JobRow | null)[] = [null, ...(snapshot?.jobs ?? [])];
    this.once(this.jobs, [query.job, all.length], () => [
      dropdown(query.job ?? 'All assets', 'Job', () =>
        all.map((job, i) => ({
          label: job?.name ?? 'All assets',
          note: job ? plural(job.keys.length, job.kind) : '',
          checked: (job?.name ?? null) === query.job,
          before: i === 1 ? 'line' : undefined,
          run: () => pick(job?.name ?? null)
        }))
      )
    ]);
    this.jobs.hidden = !snapshot?.jobs.length;
  }

  private drawSearch(): void {
    const { query, matches, searchError, search, graph, keys } = this.session;
    this.input.placeholder = placeholder(this.session);
    const focus = query.focus;
    if (document.activeElement !== this.input && !this.field.matches(':focus-within')) {
      this.input.value = focus && !search ? `${query.depth}+${focus}+${query.depth}` : search;
    }
    const shown = graph?.nodes.filter(node => node.type !== 'group').length ?? 0;
    const n = matches ? keys.filter(key => matches.has(key)).length : focus ? shown : null;
    this.found.textContent = searchError ?? (n === null ? '' : `${count(n)} of ${count(keys.length)}`);
    this.found.title = searchError ?? '';
    this.found.className = searchError ? 'jk-t-fail jk-cut' : 'jk-mut jk-nw';
    this.field.classList.toggle('jk-bad', searchError !== null);
    const empty = !search && !focus;
    this.field.hidden = this.way.hidden = (graph?.view.problem ?? null) !== null;
    this.clear.hidden = empty;
    (this.field.lastElementChild as HTMLElement).hidden = !empty;
    this.once(this.wider, [focus, query.depth], () =>
      focus
        ? [
            button('Wider', () => this.session.setQuery({ depth: query.depth + 1 }), {
              look: '',
              title: 'One step more each way'
            })
          ]
        : []
    );
  }

  private drawWay(): void {
    const now = this.getWay();
    const drawing = this.showsList()
      ? 'list'
      : now === 'LR' || (now === 'auto' && this.session.direction === 'LR')
        ? 'across'
        : 'tree';
    this.once(this.way, [now, drawing], () => {
      const open: HTMLButtonElement = iconButton(drawing, 'How to draw', () =>
        openMenu(
          open,
          WAYS.map(([way, label]) => ({ label, checked: way === now, run: () => this.setWay(way) }))
        )
      );
      return [open];
    });
  }

  private drawPrimary(): void {
    const { snapshot, query, gone, keys } = this.session;
    const job = snapshot?.jobs.find(one => one.name === query.job);
    const runs = ownRuns(this.session);
    const counts = snapshot ? countWords(keys, snapshot.status) : [];
    const signature = [
      job?.name,
      counts,
      runs.map(run => [run.run_id, run.status, run.cancel]),
      this.session.selected,
      this.session.matches?.size,
      gone !== null
    ];
    this.primary.hidden = !keys.length;
    this.once(this.primary, signature, () => [
      this.stopButton(),
      job?.kind === 'op' ? this.launchButton(job) : this.runButton(keys)
    ]);
  }

  private launchButton(job: JobRow): HTMLElement {
    return button(`Launch ${job.name}`, () => void launch(this.session, job.name), { icon: 'play', look: 'pri' });
  }

  private stopButton(): HTMLElement | null {
    const runs = ownRuns(this.session);
    const stop = (run: RunRow) => void cancel(this.session, run.run_id, run.status);
    if (!runs.length) {
      return null;
    }
    const items = (): MenuItem[] =>
      runs.map(run => ({
        label: `${run.title} ${shortId(run.run_id)}`,
        note: runWord(run.status),
        small: cancelFace(this.session, run).title,
        run: () => stop(run)
      }));
    const one = runs.length === 1;
    const { label, title } = cancelFace(this.session, runs[0]);
    const face: HTMLButtonElement = button(
      one ? label : 'Cancel',
      () => (one ? stop(runs[0]) : openMenu(face, items())),
      {
        icon: 'stop',
        look: 'jk-stop',
        title: one ? title : `${runs.length} runs`
      }
    );
    return face;
  }

  private runButton(keys: string[]): HTMLElement {
    const { session } = this;
    const status = session.snapshot?.status ?? {};
    const ways = waysToRun(session, keys);
    const [first] = ways;
    const filled = keys.some(key => (status[key]?.status ?? 'never') !== 'fresh');
    const go = (way: RunWay) => void materialize(session, way.keys, way.scope);
    const items = (): MenuItem[] => {
      const notes = ways.map(async way => (await session.ask('plan', { keys: way.keys, scope: way.scope })).text);
      const runs: MenuItem[] = ways.map((way, i) => ({ label: way.label, note: notes[i], run: () => go(way) }));
      const { job: chosen, selection } = session.query;
      const jobs = (session.snapshot?.jobs ?? []).filter(job =>
        chosen === null ? selection === null : job.name === chosen
      );
      return [
        ...runs,
        ...jobs.slice(0, 10).map((job, i) => ({
          label: `Launch ${job.name}`,
          note: plural(job.keys.length, job.kind),
          before: i ? undefined : ('line' as const),
          run: () => void launch(session, job.name)
        }))
      ];
    };
    return splitButton(first.label, () => go(first), items, { icon: 'play', look: filled ? 'pri' : 'plain' });
  }

  private once(slot: HTMLElement, signature: unknown, make: () => (HTMLElement | null)[]): void {
    const text = JSON.stringify(signature);
    if (slot.dataset.drawn !== text) {
      slot.dataset.drawn = text;
      put(slot, make());
    }
  }
}

/** An example of the notebook's own: what is made last with all it is made of, and what is to be made again. */
function placeholder({ snapshot, keys, graph, isPart }: Session): string {
  const assets = keys.filter(key => !key.startsWith('op:'));
  const last = snapshot && assets[assets.length - 1];
  const kind = graph?.nodes.find(node => /^\w+$/.test(node.kind) && node.type === 'asset')?.kind;
  const own = last ? [...(isPart ? [] : [`+${last}`]), 'status:stale', ...(kind ? [`kind:${kind}`] : [])] : [];
  return ['Search or select', own.join(', ')].filter(Boolean).join(': ');
}

export interface RunWay {
  label: string;
  keys: string[];
  scope: Scope;
}

/** Ways to materialise now, the most useful first; the first one is the button. */
export function waysToRun(session: Session, keys: string[]): RunWay[] {
  const status = session.snapshot?.status ?? {};
  const { selected, matches } = session;
  const inJob = session.query.job === null && session.query.selection === null ? [] : keys;
  const ways: RunWay[] = [];
  for (const [word, scope] of [
    ['stale', 'stale'],
    ['never', 'missing'],
    ['failed', 'only']
  ] as [StatusWord, Scope][]) {
    const these = keysWith(keys, status, word);
    const name = word === 'never' ? 'missing' : word;
    if (these.length) {
      ways.push({ label: `Materialize ${count(these.length)} ${name}`, keys: scope === 'only' ? these : inJob, scope });
    }
  }
  const wanted = matches ? keys.filter(key => matches.has(key)) : [];
  if (wanted.length) {
    ways.push({ label: `Materialize ${count(wanted.length)} found`, keys: wanted, scope: 'only' });
  }
  if (selected && status[selected]) {
    ways.push(
      { label: `Materialize ${selected}`, keys: [selected], scope: 'only' },
      { label: `Materialize ${selected} and downstream`, keys: [selected], scope: 'downstream' }
    );
  }
  return [...ways, { label: 'Materialize all', keys: inJob, scope: inJob.length ? 'only' : 'all' }];
}
