/**
 * The sections of the details pane, reason first, code last; those without content are absent. Knows `Details`;
 * called by the pane.
 */
import { activeRuns } from '../actions';
import type { Details, MetadataRow, NodeStatus, WhyPart } from '../protocol';
import type { Session } from '../session';
import {
  causeLabel,
  count,
  dayTime,
  duration,
  exactTime,
  isPartly,
  nodeWord,
  plural,
  statusLabel,
  urgent,
  waitWords
} from '../words';
import { codeBlock, dataTable, diffBlock, errorBlock, fold, previewBlock, shapeWords } from './code';
import { conditionBody } from './conditions';
import { h } from './dom';
import type { Child } from './dom';
import { glyph, sparkline } from './glyphs';
import { logRow } from './log';
import { partitionsBody } from './partitions';

const LOG_TAIL = 8;

export type Section = [name: string, ...body: Child[]];

/** The sections that have something to say, in order. */
export function sections(d: Details, session: Session): Section[] {
  const all: (Section | null)[] = [
    d.error && d.status.status === 'failed' ? null : reason(d, session),
    d.error ? ['error', errorBlock(d.error, null)] : null,
    d.preview
      ? [
          'value',
          head(d.preview.form === 'image' ? 'Picture' : 'Last value', shapeWords(d.preview)),
          previewBlock(d.preview)
        ]
      : null,
    d.condition ? ['condition', head('Condition', d.condition.condition), conditionBody(session, d.condition)] : null,
    partitions(d, session),
    d.metadata.length ? ['metadata', head('Metadata', historyWords(d.metadata)), metadata(d.metadata, session)] : null,
    d.checks.length ? checks(d) : null,
    d.materializations.length ? materializations(d, session) : null,
    d.log?.lines.length ? log(d, session) : null,
    d.code.source
      ? ['code', fold(codeWords(d), () => codeBlock(d.code.source, d.code.language), !d.materializations.length)]
      : null
  ];
  return all.filter((one): one is Section => one !== null);
}

function partitions(d: Details, session: Session): Section | null {
  const bar = session.snapshot?.status[d.key]?.partitions ?? d.status.partitions;
  return bar ? ['partitions', head('Partitions', bar.text), ...partitionsBody(session, d.key, bar)] : null;
}

export const section = (name: string, body: Child[]): HTMLElement => h('div.jk-sec', { 'data-section': name }, body);

const head = (title: string, side: Child = null): HTMLElement =>
  h('div.jk-h2', null, h('span', null, title), typeof side === 'string' ? h('span.jk-w4', null, side) : side);

function reason(d: Details, session: Session): Section | null {
  const now = Date.now();
  const { status } = d;
  if (status.status === 'running' || status.status === 'queued') {
    const run = activeRuns(session).find(row => row.run_id === status.run_id);
    const waits = status.waiting ?? (run?.waiting ? waitWords(run.waiting) : 'waiting for its turn');
    const isMoving = status.status === 'running' || status.again_at !== null;
    const words = isMoving ? urgent(status, now).text : waits;
    return [
      'reason',
      h('div', null, h('span.jk-b.jk-t-run', null, statusWord(status)), ' ', h('span.jk-moving', null, words))
    ];
  }
  if (!d.why) {
    return status.cause
      ? ['reason', h('div', null, h('span.jk-b.jk-t-warn', null, `${statusWord(status)}: `), causeLabel(status.cause))]
      : null;
  }
  const tone = isPartly(status) ? '' : ({ failed: 'jk-t-fail', stale: 'jk-t-warn' }[status.status as string] ?? '');
  const parts = d.why.parts;
  return [
    'reason',
    h('div.jk-wrap', null, h(`span.jk-b.${tone}`, null, `${statusWord(status)}: `), d.why.headline),
    parts.length > 1 || parts[0]?.diff ? parts.map(part => whyPart(part, parts.length > 1)) : null
  ];
}

const statusWord = (status: NodeStatus): string => {
  const word = nodeWord(status);
  return word[0].toUpperCase() + word.slice(1);
};

function whyPart(part: WhyPart, named: boolean): Child {
  const title = part.what === 'missing' ? 'missing' : causeLabel(part.what);
  return h(
    'div.jk-why',
    null,
    named ? h('div.jk-mut.jk-wrap', null, part.text || `${title}: ${part.name}`) : null,
    part.diff?.length ? diffBlock(part.diff) : null
  );
}

const historyWords = (rows: MetadataRow[]): string => {
  const most = Math.max(0, ...rows.map(row => row.history.length));
  return most > 1 ? `last ${most}` : '';
};

function metadata(rows: MetadataRow[], session: Session): HTMLElement {
  return h(
    'div.jk-meta',
    null,
    rows.map(row => {
      const line = sparkline(row.history);
      return [
        h('span.jk-cut', { title: row.name }, row.name),
        line,
        h(`span.jk-value${line ? '' : '.jk-wide'}`, null, valueOf(row, session))
      ];
    })
  );
}

/** The value of a metadata row: a link where it leads somewhere, a fold where it is long, else its text. */
function valueOf(row: MetadataRow, session: Session): Child {
  const text = row.text;
  if (row.kind === 'url' && /^https?:\/\//i.test(String(row.value))) {
    return h(
      'a.jk-num.jk-cut',
      { href: String(row.value), target: '_blank', rel: 'noopener noreferrer', title: text },
      text
    );
  }
  if (row.kind === 'asset' && session.snapshot?.status[String(row.value)]) {
    return h(
      'button.jk-link.jk-num.jk-cut',
      { type: 'button', onclick: () => session.select(String(row.value)) },
      text
    );
  }
  if (row.kind === 'dagster_run') {
    return h(
      'button.jk-link.jk-num.jk-cut',
      { type: 'button', onclick: () => session.open({ tab: 'runs', run: String(row.value) }) },
      text
    );
  }
  const table = row.kind === 'table' ? tableOf(row.value) : null;
  if (table) {
    return fold(text || 'table', () => table);
  }
  if (text.length > 40 || text.includes('\n')) {
    return fold(`${text.slice(0, 40).split('\n')[0]}…`, () => h('pre.jk-text', { tabindex: 0 }, text));
  }
  return h('span.jk-num.jk-cut', { title: text }, text);
}

function tableOf(value: unknown): HTMLElement | null {
  const table = value as { columns?: unknown; rows?: unknown } | null;
  if (!table || !Array.isArray(table.columns) || !Array.isArray(table.rows)) {
    return null;
  }
  const names = table.columns.map(c => String((c as { name?: unknown })?.name ?? c));
  const rows = table.rows
    .slice(0, 50)
    .map(row =>
      (Array.isArray(row) ? row : names.map(n => (row as Record<string, unknown>)?.[n])).map(cell =>
        typeof cell === 'string' ? cell : JSON.stringify(cell ?? '')
      )
    );
  return dataTable(
    names.map((name, i) => ({ name, numeric: rows.every(row => row[i] !== '' && Number.isFinite(Number(row[i]))) })),
    rows
  );
}

const isWarning = (check: Details['checks'][number]): boolean => check.status === 'failed' && check.severity === 'WARN';

function checks(d: Details): Section {
  const failed = d.checks.filter(check => check.status === 'failed');
  const worst = failed.some(check => !isWarning(check)) ? 'jk-t-fail' : 'jk-t-warn';
  const side = failed.length
    ? h(`span.jk-w4.${worst}`, null, `${failed.length} of ${d.checks.length} failed`)
    : `${d.checks.filter(c => c.status === 'fresh').length} pass`;
  const one = (check: Details['checks'][number]) => {
    const facts = [check.severity, check.blocking ? 'blocking' : '', check.description, exactTime(check.at)]
      .filter(Boolean)
      .join('\n');
    return h(
      'span.jk-check',
      { title: facts },
      glyph(isWarning(check) ? 'warning' : check.status, 14, isWarning(check) ? 'warning' : statusLabel(check.status)),
      check.name,
      check.blocking ? h('span.jk-tag', null, 'blocking') : null,
      check.status === 'failed' && check.description ? h('span.jk-mut', null, check.description) : null
    );
  };
  return ['checks', head('Checks', side), h('div.jk-checklist', null, d.checks.map(one))];
}

function materializations(d: Details, session: Session): Section {
  const now = Date.now();
  const row = (m: Details['materializations'][number]) => [
    glyph(m.status, 14, statusLabel(m.status)),
    h(
      'button.jk-link.jk-cut',
      {
        type: 'button',
        title: exactTime(m.at),
        onclick: () => session.open({ tab: 'runs', run: m.run_id, step: d.key })
      },
      dayTime(m.at, now)
    ),
    h('span.jk-num.jk-mut', null, duration(m.duration_s)),
    h(
      'span.jk-num.jk-mut',
      { title: m.rows === null ? null : plural(m.rows, 'row') },
      m.rows === null ? '' : count(m.rows)
    )
  ];
  return [
    'materializations',
    head('Materializations'),
    h('div.jk-mats', null, d.materializations.slice(0, 8).map(row))
  ];
}

function log(d: Details, session: Session): Section {
  const { run_id, step_key, lines } = d.log as NonNullable<Details['log']>;
  const all = h(
    'button.jk-link',
    { type: 'button', onclick: () => session.open({ tab: 'runs', run: run_id, step: step_key }) },
    'whole log'
  );
  return [
    'log',
    head('Log', all),
    h(
      'div.jk-log.jk-tail',
      { tabindex: 0 },
      lines.slice(-LOG_TAIL).map(line => logRow(line, { step: false }))
    )
  ];
}

const codeWords = (d: Details): string => {
  const lines = d.code.source.replace(/\n$/, '').split('\n').length;
  return ['Code', d.code.cell === null ? '' : `cell ${d.code.cell}`, plural(lines, 'line')]
    .filter(Boolean)
    .join(', ')
    .replace(', ', ': ');
};
