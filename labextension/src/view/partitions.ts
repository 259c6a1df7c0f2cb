/**
 * An asset's partitions: the bar of a card and of the details, and their list, found by typing. Knows what the
 * kernel tells; called by cards and by the sections of the details.
 */
import { attempt } from '../actions';
import type { PartitionBar, PartitionList, PartitionRow, StatusWord } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { age, count, exactTime, plural, statusLabel } from '../words';
import { h, put, s, say } from './dom';
import { glyph } from './glyphs';
import { button } from './menu';

const ASKED_AFTER = 150;
/** The look of a cell by its letter: its class, and how high it stands of eight. */
const CELL: Record<string, [name: string, height: number]> = {
  f: ['fresh', 4],
  s: ['stale', 2],
  x: ['failed', 8],
  r: ['running', 4],
  '-': ['never', 1]
};

/** Equal cells beside each other, as letter, first place and how many. */
export function stretches(cells: string): [letter: string, first: number, size: number][] {
  const found: [string, number, number][] = [];
  for (let at = 0; at < cells.length; at++) {
    const last = found[found.length - 1];
    if (last && last[0] === cells[at]) {
      last[2] += 1;
    } else {
      found.push([cells[at], at, 1]);
    }
  }
  return found;
}

/** The bar: made 4 high, stale 2, missing a line, failed 8. */
export function partitionBar(bar: PartitionBar): SVGElement {
  const drawn = stretches(bar.cells).map(([letter, first, size]) => {
    const [name, height] = CELL[letter] ?? CELL['-'];
    return s(`rect.jk-part-${name}`, { x: first, y: 8 - height, width: size, height });
  });
  const box = `0 0 ${Math.max(1, bar.cells.length)} 8`;
  return s('svg.jk-parts', { viewBox: box, preserveAspectRatio: 'none', role: 'img', 'aria-label': bar.text }, drawn);
}

interface Kept {
  key: string;
  box: HTMLElement;
  tools: HTMLElement;
  field: HTMLInputElement;
  rows: HTMLElement;
  note: HTMLElement;
  turn: number;
}
/** What a pane shows now: it draws anew with every push, and what is being typed has to stay. */
const shown = new WeakMap<Session, Kept>();

/** The bar, the field that finds, the button for what is missing, and the list. */
export function partitionsBody(session: Session, key: string, bar: PartitionBar): HTMLElement[] {
  const known = shown.get(session);
  const kept = known?.key === key ? known : begun(session, key);
  const { field } = kept;
  const typing = document.activeElement === field;
  put(kept.box, partitionBar(bar));
  put(kept.tools, field, ways(session, key, bar));
  void read(session, kept);
  if (typing) {
    queueMicrotask(() => field.focus({ preventScroll: true }));
  }
  return [kept.box, kept.tools, kept.rows, kept.note];
}

function begun(session: Session, key: string): Kept {
  const field = h('input.jk-field', {
    type: 'search',
    placeholder: 'Find a partition',
    'aria-label': 'Find a partition'
  });
  const kept: Kept = {
    key,
    field,
    box: h('div.jk-partbox'),
    tools: h('div.jk-row.jk-partfind'),
    rows: h('div.jk-partlist', { role: 'list', 'aria-label': 'Partitions' }),
    note: h('div.jk-mut', { 'aria-live': 'polite' }),
    turn: 0
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void read(session, kept), ASKED_AFTER);
  });
  field.addEventListener('keydown', event => event.stopPropagation()); // letters are no shortcuts here
  shown.set(session, kept);
  return kept;
}

async function read(session: Session, kept: Kept): Promise<void> {
  const turn = ++kept.turn;
  try {
    const found = await session.ask('partitions', { key: kept.key, text: kept.field.value, status: null });
    if (turn === kept.turn) {
      show(session, kept.key, kept.rows, kept.note, found);
    }
  } catch (error) {
    say(kept.note, sentence(error));
  }
}

function ways(session: Session, key: string, bar: PartitionBar): HTMLElement[] {
  const way = (n: number, word: string): HTMLElement[] =>
    n ? [button(`Materialize ${count(n)} ${word}`, () => void make(session, key, word))] : [];
  return bar.missing
    ? way(bar.missing, 'missing')
    : [...way(bar.failed, 'failed'), ...way(bar.stale, 'stale')].slice(0, 1);
}

/** Make one partition, or those that stand so. */
const make = (session: Session, key: string, partition: string): Promise<void> =>
  attempt(session, async () => {
    const { text, run_id } = await session.ask('materialize_partitions', { key, partition });
    session.setNotice({ text: `Making ${text}.`, tone: 'plain', action: null, ...(run_id ? { run: run_id } : {}) });
  });

function show(session: Session, key: string, rows: HTMLElement, note: HTMLElement, found: PartitionList): void {
  put(
    rows,
    found.rows.map(row => rowElement(session, key, row))
  );
  const rest = found.found - found.rows.length;
  say(note, found.found ? (rest > 0 ? `and ${plural(rest, 'older one')}` : '') : 'No partition is called that.');
}

function rowElement(session: Session, key: string, row: PartitionRow): HTMLElement {
  const word: StatusWord = row.status;
  const said = word === 'never' ? 'missing' : statusLabel(word);
  const open = (): void => {
    if (row.run_id) {
      session.open({ tab: 'runs', run: row.run_id, step: key });
    }
  };
  return h(
    'div.jk-partrow',
    { role: 'listitem', title: [row.error, exactTime(row.at)].filter(Boolean).join('\n') },
    glyph(word, 14, said),
    row.run_id
      ? h('button.jk-link.jk-cut', { type: 'button', onclick: open }, row.key)
      : h('span.jk-cut', null, row.key),
    h(`span.jk-mut${word === 'failed' ? '.jk-t-fail' : ''}`, null, said),
    h('span.jk-age', null, age(row.at, Date.now()))
  );
}
