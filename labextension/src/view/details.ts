/**
 * The pane for one asset or op: reason first, code last, sections without content absent. Reads `details` and
 * reads again when a push makes it outdated; keeps what it shows meanwhile.
 */
import { activeRuns, cancel, cancelWords, goToCell, materialize } from '../actions';
import type { Details, DiffLine, MetadataRow, NodeStatus, WhyPart } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { causeLabel, count, dayTime, duration, exactTime, plural, statusLabel, urgent } from '../words';
import { codeBlock, dataTable, diffBlock, errorBlock, fold, previewBlock, shapeWords } from './code';
import { h, put } from './dom';
import type { Child } from './dom';
import { glyph, sparkline } from './glyphs';
import { logRow } from './log';
import { button, iconButton, splitButton } from './menu';

const REREAD_AFTER = 400;
const LOG_TAIL = 8;

export class DetailsPane {
  readonly element = h('aside.jk-pane', { 'aria-label': 'Details', hidden: true });
  private key: string | null = null;
  private shown: Details | null = null;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly session: Session) {}

  /** Show a key, or nothing. */
  show(key: string | null): void {
    this.key = key;
    this.element.hidden = key === null;
    if (key === null) {
      this.shown = null;
      return;
    }
    if (this.shown?.key !== key) {
      this.shown = null;
      this.element.scrollTop = 0;
      this.timer = setTimeout(() => this.shown ?? put(this.element, this.header(null), skeleton()), 300);
    }
    void this.read();
  }

  /** A push came: read again soon, if what is shown may have changed. */
  reread(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(), REREAD_AFTER);
  }

  private async read(): Promise<void> {
    const { key } = this;
    const turn = ++this.turn;
    if (key === null) {
      return;
    }
    try {
      const details = await this.session.ask('details', { key });
      if (turn === this.turn) {
        clearTimeout(this.timer);
        this.shown = details;
        this.draw(details);
      }
    } catch (error) {
      if (turn === this.turn && !this.session.gone) {
        clearTimeout(this.timer);
        put(this.element, this.header(null), trouble(sentence(error), () => void this.read()));
      }
    }
  }

  private draw(d: Details): void {
    const { scrollTop } = this.element;
    put(this.element, this.header(d), sections(d, this.session).map(([name, ...body]) => section(name, body)));
    this.element.scrollTop = scrollTop;
  }

  private header(d: Details | null): HTMLElement {
    const key = d?.key ?? this.key ?? '';
    const status = this.session.snapshot?.status[key] ?? d?.status;
    return h(
      'div.jk-phead',
      null,
      h('div.jk-row', null, glyph(status?.status ?? 'never', 16, statusLabel(status?.status ?? 'never')), h('span.jk-title.jk-grow.jk-cut', { title: key }, d?.label ?? key), iconButton('x', 'Close (Esc)', () => this.session.select(null), 'sm')),
      d ? this.about(d) : null,
      d ? this.buttons(d, status ?? d.status) : null
    );
  }

  private about(d: Details): Child[] {
    const owners = d.owners.length ? `owned by ${d.owners.join(', ')}` : '';
    const what = [d.kind, d.group && `in ${d.group}`].filter(Boolean).join(' ');
    const tags = Object.entries(d.tags).map(([name, value]) => h('span.jk-tag', null, value ? `${name}=${value}` : name));
    return [
      h('div.jk-mut.jk-wrap', { style: 'margin-top:4px' }, [what, owners].filter(Boolean).join(', ')),
      d.description ? h('div.jk-wrap.jk-pre', { style: 'margin-top:4px' }, d.description) : null,
      d.upstream.length || d.downstream.length ? h('div.jk-mut.jk-wrap', null, this.links('from ', d.upstream), d.upstream.length ? ' ' : '', this.links('to ', d.downstream)) : null,
      tags.length ? h('div.jk-tags', null, tags) : null
    ];
  }

  private links(word: string, keys: string[]): Child[] {
    const shown = keys.slice(0, 6);
    const rest = keys.length - shown.length;
    const link = (key: string) => h('button.jk-link', { type: 'button', onclick: () => this.session.select(key) }, key);
    return keys.length ? [word, shown.map((key, i) => [i ? ', ' : '', link(key)]), rest ? ` and ${count(rest)} more` : ''] : [];
  }

  private buttons(d: Details, status: NodeStatus): HTMLElement {
    const { session } = this;
    const run = (scope: 'only' | 'downstream' | 'upstream', missing = false) => void materialize(session, [d.key], scope, missing);
    const plan = async (scope: 'only' | 'downstream' | 'upstream') => (await session.ask('plan', { keys: [d.key], scope })).text;
    const running = (status.status === 'running' || status.status === 'queued') && status.run_id !== null;
    const cell = d.code.cell === null ? 'Cell' : `Cell ${d.code.cell}`;
    return h(
      'div.jk-acts',
      null,
      running
        ? button('Cancel', () => void cancel(session, status.run_id as string), { icon: 'stop', title: status.cancel ? `Cancel: ${status.cancel}` : cancelWords(session, status.run_id as string) })
        : d.type === 'asset'
          ? splitButton('Materialize', () => run('only'), () => [
              { label: 'Only this', note: plan('only'), run: () => run('only') },
              { label: 'With downstream', note: plan('downstream'), run: () => run('downstream') },
              { label: 'With missing upstream', note: plan('upstream'), run: () => run('only', true) }
            ], { icon: 'play' })
          : null,
      session.host.goto && (d.code.cell_id !== null || d.code.cell !== null) ? button(cell, () => void goToCell(session, d.key, d.code.cell_id), { icon: 'cell', title: 'Go to the cell (C)' }) : null
    );
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.turn++;
  }
}

type Section = [name: string, ...body: Child[]];

/** The sections that have something to say, in order. */
function sections(d: Details, session: Session): Section[] {
  const all: (Section | null)[] = [
    reason(d, session),
    d.error ? ['error', errorBlock(d.error, session.host.goto ? () => void goToCell(session, d.key, d.code.cell_id) : null)] : null,
    d.preview ? ['value', head(d.preview.form === 'image' ? 'Picture' : 'Last value', shapeWords(d.preview)), previewBlock(d.preview)] : null,
    d.metadata.length ? ['metadata', head('Metadata', historyWords(d.metadata)), metadata(d.metadata, session)] : null,
    d.checks.length ? checks(d) : null,
    d.materializations.length ? materializations(d, session) : null,
    d.log?.lines.length ? log(d, session) : null,
    d.code.source ? ['code', fold(codeWords(d), () => codeBlock(d.code.source, d.code.language), !d.materializations.length)] : null
  ];
  return all.filter((one): one is Section => one !== null);
}

const section = (name: string, body: Child[]): HTMLElement => h('div.jk-sec', { 'data-section': name }, body);

export const head = (title: string, side: Child = null): HTMLElement =>
  h('div.jk-h2', null, h('span', null, title), typeof side === 'string' ? h('span.jk-w4', null, side) : side);

function reason(d: Details, session: Session): Section | null {
  const now = Date.now();
  const { status } = d;
  if (status.status === 'running' || status.status === 'queued') {
    const run = activeRuns(session).find(row => row.run_id === status.run_id);
    const words = status.status === 'queued' ? (run?.waiting ?? 'waiting for its turn') : urgent(status, now).text;
    return ['reason', h('div', null, h('span.jk-b.jk-t-run', null, statusWord(status)), ` ${words}`)];
  }
  if (!d.why) {
    return null;
  }
  const tone = { failed: 'jk-t-fail', stale: 'jk-t-warn' }[status.status as string] ?? '';
  const parts = d.why.parts;
  return [
    'reason',
    h('div.jk-wrap', null, h(`span.jk-b.${tone}`, null, `${statusWord(status)}: `), d.why.headline),
    parts.length > 1 || parts[0]?.diff ? parts.map(part => whyPart(part, parts.length > 1)) : null
  ];
}

const statusWord = (status: NodeStatus): string => {
  const word = statusLabel(status.status);
  return word[0].toUpperCase() + word.slice(1);
};

function whyPart(part: WhyPart, named: boolean): Child {
  const title = part.what === 'missing' ? 'missing' : causeLabel(part.what);
  return h(
    'div.jk-why',
    null,
    named ? h('div.jk-mut.jk-wrap', null, part.text || `${title}: ${part.name}`) : null,
    part.diff?.length ? diffBlock(part.diff as DiffLine[]) : null
  );
}

const historyWords = (rows: MetadataRow[]): string => {
  const most = Math.max(0, ...rows.map(row => row.history.length));
  return most > 1 ? `last ${most}` : '';
};

function metadata(rows: MetadataRow[], session: Session): HTMLElement {
  return h('div.jk-meta', null, rows.map(row => [h('span.jk-cut', { title: row.name }, row.name), sparkline(row.history) ?? h('span'), valueOf(row, session)]));
}

/** The value of a metadata row: a link where it leads somewhere, a fold where it is long, else its text. */
function valueOf(row: MetadataRow, session: Session): Child {
  const text = row.text;
  if (row.kind === 'url' && /^https?:\/\//i.test(String(row.value))) {
    return h('a.jk-num.jk-cut', { href: String(row.value), target: '_blank', rel: 'noopener noreferrer', title: text }, text);
  }
  if (row.kind === 'asset' && session.snapshot?.status[String(row.value)]) {
    return h('button.jk-link.jk-num.jk-cut', { type: 'button', onclick: () => session.select(String(row.value)) }, text);
  }
  if (row.kind === 'dagster_run') {
    return h('button.jk-link.jk-num.jk-cut', { type: 'button', onclick: () => session.open({ tab: 'runs', run: String(row.value) }) }, text);
  }
  const table = row.kind === 'table' ? tableOf(row.value) : null;
  if (table) {
    return h('div.jk-wide', null, fold(text || 'table', () => table));
  }
  if (text.length > 40 || text.includes('\n')) {
    return h('div.jk-wide', null, fold(`${text.slice(0, 40).split('\n')[0]}…`, () => h('pre.jk-text', { tabindex: 0 }, text)));
  }
  return h('span.jk-num.jk-cut', { title: text }, text);
}

function tableOf(value: unknown): HTMLElement | null {
  const table = value as { columns?: unknown; rows?: unknown } | null;
  if (!table || !Array.isArray(table.columns) || !Array.isArray(table.rows)) {
    return null;
  }
  const names = table.columns.map(c => String((c as { name?: unknown })?.name ?? c));
  const rows = table.rows.slice(0, 50).map(row => (Array.isArray(row) ? row : names.map(n => (row as Record<string, unknown>)?.[n])).map(cell => (typeof cell === 'string' ? cell : JSON.stringify(cell ?? ''))));
  return dataTable(names.map((name, i) => ({ name, numeric: rows.every(row => row[i] !== '' && Number.isFinite(Number(row[i]))) })), rows);
}

function checks(d: Details): Section {
  const failed = d.checks.filter(check => check.status === 'failed');
  const side = failed.length ? h('span.jk-w4.jk-t-fail', null, `${failed.length} of ${d.checks.length} failed`) : `${d.checks.filter(c => c.status === 'fresh').length} pass`;
  const one = (check: Details['checks'][number]) => {
    const facts = [check.severity, check.blocking ? 'blocking' : '', check.description, exactTime(check.at)].filter(Boolean).join('\n');
    return h('span.jk-check', { title: facts }, glyph(check.status, 14, statusLabel(check.status)), check.name, check.status === 'failed' && check.description ? h('span.jk-mut', null, check.description) : null);
  };
  return ['checks', head('Checks', side), h('div.jk-checklist', null, d.checks.map(one))];
}

function materializations(d: Details, session: Session): Section {
  const now = Date.now();
  const row = (m: Details['materializations'][number]) => [
    glyph(m.status, 14, statusLabel(m.status)),
    h('button.jk-link.jk-cut', { type: 'button', title: exactTime(m.at), onclick: () => session.open({ tab: 'runs', run: m.run_id, step: d.key }) }, dayTime(m.at, now)),
    h('span.jk-num.jk-mut', null, duration(m.duration_s)),
    h('span.jk-num.jk-mut', { title: m.rows === null ? null : plural(m.rows, 'row') }, m.rows === null ? '' : count(m.rows))
  ];
  return ['materializations', head('Materialisations'), h('div.jk-mats', null, d.materializations.slice(0, 8).map(row))];
}

function log(d: Details, session: Session): Section {
  const { run_id, step_key, lines } = d.log as NonNullable<Details['log']>;
  const all = h('button.jk-link', { type: 'button', onclick: () => session.open({ tab: 'runs', run: run_id, step: step_key }) }, 'whole log');
  return ['log', head('Log', all), h('div.jk-log.jk-tail', { tabindex: 0 }, lines.slice(-LOG_TAIL).map(line => logRow(line, { step: false })))];
}

const codeWords = (d: Details): string => {
  const lines = d.code.source.replace(/\n$/, '').split('\n').length;
  return ['Code', d.code.cell === null ? '' : `cell ${d.code.cell}`, plural(lines, 'line')].filter(Boolean).join(', ').replace(', ', ': ');
};

export const skeleton = (): HTMLElement =>
  h('div.jk-skel', { 'aria-label': 'Loading' }, [60, 90, 75, 40].map(width => h('i', { style: `width:${width}%` })));

export const trouble = (text: string, again: () => void): HTMLElement =>
  h('div.jk-state', { role: 'alert' }, h('span.jk-wrap', null, text), button('Try again', again));
