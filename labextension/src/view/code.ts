/**
 * Code, diffs, errors and tables as elements. Colours code with a small scanner of its own and JupyterLab's token
 * colours; all text goes in as text. Called by the details pane and the run's view.
 */
import type { DiffLine, ErrorFrame, ErrorShown, Preview } from '../protocol';
import { count, plural } from '../words';
import { h } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';
import { button } from './menu';

const PYTHON_WORDS =
  'and as assert async await break class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield True False None';
const SQL_WORDS =
  'all and as asc between by case create cross desc distinct else end exists from full group having in inner intersect interval is join left like limit not null offset on or order outer over partition qualify right select then union using values when where with';
const WORDS = {
  python: new Set(PYTHON_WORDS.split(' ')),
  sql: new Set(SQL_WORDS.split(' '))
};
const TOKEN =
  /(%%?\w+|^\s*!.*$)|("""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|(#.*$|--.*$)|(\b\d[\d_.eE]*\b)|([A-Za-z_]\w*)/gm;

const LONGEST_COLOURED = 20000;

/** The source as spans; `language` decides which words are keywords and what starts a comment. */
export function coloured(source: string, language: 'python' | 'sql'): Child[] {
  if (source.length > LONGEST_COLOURED) {
    return [source];
  }
  const parts: Child[] = [];
  let done = 0;
  for (const match of source.matchAll(TOKEN)) {
    const look = lookOf(match, language);
    if (look) {
      parts.push(source.slice(done, match.index), h(`span.${look}`, null, match[0]));
      done = (match.index ?? 0) + match[0].length;
    }
  }
  return [...parts, source.slice(done)];
}

function lookOf(
  [text, magic, string, comment, number, word]: RegExpMatchArray,
  language: 'python' | 'sql'
): string | null {
  if (magic) {
    return 'jk-mg';
  }
  if (string) {
    return 'jk-s';
  }
  if (comment) {
    const opens = language === 'sql' ? '--' : '#';
    return text.startsWith(opens) || text.startsWith('# jk:') ? 'jk-c' : null;
  }
  if (number) {
    return 'jk-nu';
  }
  return word && WORDS[language].has(language === 'sql' ? word.toLowerCase() : word) ? 'jk-k' : null;
}

export const codeBlock = (source: string, language: 'python' | 'sql'): HTMLElement =>
  h('pre.jk-code', { tabindex: 0 }, coloured(source, language));

const DIFF_LOOK = { ' ': 'jk-same', '-': 'jk-del', '+': 'jk-add' };
const DIFF_WORD = { ' ': null, '-': 'removed', '+': 'added' };
const DIFF_SHOWN = 14;

/** A diff with its marks; long ones open on demand. */
export function diffBlock(lines: DiffLine[]): HTMLElement {
  const line = ([mark, text]: DiffLine) =>
    h(`div.${DIFF_LOOK[mark]}`, { 'aria-label': DIFF_WORD[mark] ? `${DIFF_WORD[mark]}: ${text}` : null }, text || ' ');
  const block = h(
    'div.jk-diff',
    { tabindex: 0, role: 'group', 'aria-label': 'What changed' },
    lines.slice(0, DIFF_SHOWN).map(line)
  );
  const more = lines.slice(DIFF_SHOWN);
  if (more.length) {
    const open = button(`${count(more.length)} more lines`, () => open.replaceWith(...more.map(line)), {
      look: 'sm.ghost'
    });
    block.append(open);
  }
  return block;
}

/** Table, text or picture of a value. Only data URLs of pictures are shown. */
export function previewBlock(preview: Preview): HTMLElement | null {
  switch (preview.form) {
    case 'table':
      return h('div', null, dataTable(preview.columns, preview.rows), moreBlock(moreWords(preview)));
    case 'text':
      return h('pre.jk-text', { tabindex: 0 }, preview.text);
    case 'image':
      return /^data:image\/(png|jpeg|gif|webp);base64,/.test(preview.data)
        ? h('img.jk-picture', { src: preview.data, alt: 'Picture of the last value' })
        : null;
  }
}

const moreBlock = (words: string): Child => (words ? h('div.jk-mut.jk-leftout', null, words) : null);

export function dataTable(
  columns: { name: string; dtype?: string; numeric: boolean; index?: boolean }[],
  rows: string[][]
): HTMLElement {
  const look = (i: number) => `${columns[i]?.numeric ? '.num' : ''}${columns[i]?.index ? '.jk-label' : ''}`;
  return h(
    'div.jk-scroll',
    { tabindex: 0, role: 'group', 'aria-label': 'Table' },
    h(
      'table.jk-data',
      null,
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          columns.map((c, i) =>
            h(`th${look(i)}`, { title: c.dtype ? `${c.name}: ${c.dtype}` : null, scope: 'col' }, c.name)
          )
        )
      ),
      h(
        'tbody',
        null,
        rows.map(row =>
          h(
            'tr',
            null,
            row.map((cell, i) =>
              h(`td${look(i)}`, { title: cell.length > 24 ? cell : null }, minus(cell, columns[i]?.numeric))
            )
          )
        )
      )
    )
  );
}

const minus = (cell: string, numeric: boolean | undefined): string => (numeric ? cell.replace(/^-/, '−') : cell);

export const shapeWords = (preview: Preview): string =>
  preview.form === 'table' ? `${count(preview.shape[0])} × ${count(preview.shape[1])}` : '';

/** What a table's preview leaves out: `… and 990 more rows, 14 more columns`. */
export function moreWords(preview: Preview): string {
  if (preview.form !== 'table') {
    return '';
  }
  const rows = preview.shape[0] - preview.rows.length;
  const columns = preview.shape[1] - preview.columns.filter(column => !column.index).length;
  const words = [rows > 0 ? plural(rows, 'more row') : '', columns > 0 ? plural(columns, 'more column') : ''].filter(
    Boolean
  );
  return words.length ? `… and ${words.join(', ')}` : '';
}

const LONG = 600;
const LONG_LINES = 8;

/** A text as it is; of a long one its beginning, and a button that shows all of it. */
export function longText(text: string): Child {
  const start = text.split('\n', LONG_LINES).join('\n').slice(0, LONG);
  if (start.length >= text.length) {
    return text;
  }
  const whole = h('span', null, `${start} …`);
  const open = button(
    `Show all ${count(text.length)} characters`,
    () => {
      whole.textContent = text;
      whole.classList.add('jk-allofit');
      open.remove();
    },
    { look: 'sm.ghost' }
  );
  return [whole, ' ', open];
}

/** An error: its line, the cell's own frames, library frames folded, the whole text on demand. */
export function errorBlock(error: ErrorShown, goto: (() => void) | null): HTMLElement {
  const where = [error.cell === null ? '' : `in cell ${error.cell}`, error.line === null ? '' : `line ${error.line}`]
    .filter(Boolean)
    .join(', ');
  const own = error.frames.filter(frame => frame.own);
  const inside = error.frames.filter(frame => !frame.own);
  return h(
    'div.jk-error',
    null,
    h(
      'div.jk-row',
      null,
      glyph('failed'),
      h('span.jk-b.jk-wrap.jk-message', null, longText(error.message ? `${error.type}: ${error.message}` : error.type)),
      h('span.jk-mut.jk-nw', null, where),
      h('span.jk-grow'),
      goto ? button(error.cell === null ? 'Go to the cell' : `Go to cell ${error.cell}`, goto, { icon: 'cell' }) : null
    ),
    own.map(frame => frameBlock(frame, own.length > 1)),
    inside.length
      ? fold(`${plural(inside.length, 'frame')} inside libraries`, () =>
          h(
            'div',
            null,
            inside.map(frame => frameBlock(frame))
          )
        )
      : null,
    error.text ? fold('Whole traceback', () => h('pre.jk-text', { tabindex: 0 }, error.text)) : null
  );
}

function frameBlock(frame: ErrorFrame, named = true): HTMLElement {
  const lines = frame.code.replace(/\n$/, '').split('\n');
  const single = lines.length === 1;
  return h(
    'div.jk-frame',
    null,
    named ? h('div.jk-mut', null, frame.line === null ? frame.where : `${frame.where}, line ${frame.line}`) : null,
    frame.code
      ? h(
          'div.jk-code',
          null,
          lines.map(
            line =>
              h(
                `div.${single || isHit(line) ? 'jk-hit' : ''}`,
                null,
                single ? numbered(frame.line) : null,
                coloured(line, 'python')
              ),
            []
          )
        )
      : null
  );
}

const numbered = (line: number | null): Child => (line === null ? null : h('span.jk-ln', null, line));
const isHit = (line: string): boolean => /^\s*(-+>|>)/.test(line);

/** A line that opens what it names, built only then. */
export function fold(label: string, content: () => Child, open = false): HTMLElement {
  const details = h('details.jk-fold', { open }, h('summary', null, label));
  const build = () => details.childElementCount === 1 && details.append(h('div', null, content()));
  details.addEventListener('toggle', () => (details as HTMLDetailsElement).open && build());
  if (open) {
    build();
  }
  return details;
}
