/** The last looks of one schedule or sensor: what each did and why, its runs, and on a press what it logged. */
import { tickGlyph, tickWord, tickWords } from '../automation';
import type { AutomationDetails, TickDetails, TickLine, TickRow } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { clockMillis, dayTime, duration, exactTime, plural } from '../words';
import { errorBlock } from './code';
import { h, put } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';
import { logRow } from './log';
import { button } from './menu';
import { putOff } from './press';
import { runLink } from './run_link';

const PAGE = 20;
const FILTERS: [string | null, string][] = [
  [null, 'all'],
  ['SUCCESS', 'requested'],
  ['SKIPPED', 'skipped'],
  ['FAILURE', 'failed'],
  ['MISSED', 'missed']
];

export class TickList {
  readonly element = h('div.jk-ticks');
  private rows: TickRow[] = [];
  private more = false;
  private status: string | null = null;
  private opened: string | null = null;
  private readonly told = new Map<string, TickDetails | string>();
  private turn = 0;

  constructor(
    private readonly session: Session,
    private readonly name: string,
    readonly until: number | null
  ) {}

  /** Take in what just arrived; where a filter or a moment is chosen, ask for that. */
  async refresh({ ticks, more }: AutomationDetails): Promise<void> {
    if (this.status === null && this.until === null) {
      const older = this.rows.length > PAGE ? this.rows.filter(row => !ticks.some(one => same(one, row))) : [];
      const begins = Math.min(...ticks.map(row => row.at ?? 0));
      this.rows = [...ticks, ...older.filter(row => (row.at ?? 0) < begins)];
      this.more = older.length ? this.more : more;
      this.draw();
    } else if (this.until === null || !this.rows.length) {
      await this.read();
    }
  }

  private async read(before: string | null = null): Promise<void> {
    const turn = ++this.turn;
    const { name, status, until } = this;
    try {
      const found = await this.session.ask('ticks', { name, status, before, until, limit: PAGE });
      if (turn === this.turn) {
        this.rows = before === null ? found.rows : [...this.rows, ...found.rows];
        this.more = found.more;
        this.draw();
      }
    } catch (error) {
      this.session.setNotice({ text: sentence(error), tone: 'fail', action: null });
    }
  }

  private choose(status: string | null): void {
    this.status = status;
    this.opened = null;
    void this.read();
  }

  private readonly draw = (): void => {
    if (putOff(this.draw)) {
      return;
    }
    const held = (document.activeElement as HTMLElement | null)?.dataset?.tick ?? null;
    put(this.element, this.bar(), this.rows.length ? this.table() : h('div.jk-mut.jk-none', null, this.nothing()));
    if (this.more) {
      const last = this.rows[this.rows.length - 1];
      this.element.append(button('Show more', () => void this.read(last.tick_id)));
    }
    if (held) {
      this.element.querySelector<HTMLElement>(`[data-tick="${CSS.escape(held)}"]`)?.focus();
    }
  };

  private nothing(): string {
    return this.status === null ? 'It has not looked yet.' : 'No look ended so.';
  }

  private bar(): HTMLElement {
    const open = () => this.session.open({ tab: 'automation', automation: this.name });
    return h(
      'div.jk-row.jk-tickbar',
      null,
      h('span.jk-h', null, 'Looks'),
      this.until === null
        ? null
        : h(
            'button.jk-chip',
            { type: 'button', title: 'Show the newest', onclick: open },
            `until ${dayTime(this.until, Date.now())} ✕`
          ),
      h('span.jk-grow'),
      FILTERS.map(([status, label]) =>
        h(
          `button.jk-lv${this.status === status ? '.jk-b' : '.jk-mut'}`,
          { type: 'button', 'aria-pressed': String(this.status === status), onclick: () => this.choose(status) },
          label
        )
      )
    );
  }

  private table(): HTMLElement {
    return h(
      'div',
      { role: 'list', 'aria-label': 'Looks' },
      this.rows.map(row => [this.line(row), this.opened === row.tick_id ? this.inside(row) : null])
    );
  }

  private line(row: TickRow): HTMLElement {
    const at = row.at ?? row.scheduled_at;
    const open = () => this.toggle(row);
    const words = tickWords(row);
    return h(
      `div.jk-tk${this.opened === row.tick_id ? '.jk-on' : ''}`,
      {
        role: 'listitem',
        tabindex: 0,
        'data-tick': row.tick_id,
        'data-status': row.status,
        'aria-expanded': String(this.opened === row.tick_id),
        'aria-label': [tickWord(row), clockMillis(at).slice(0, 8), words].join(', '),
        onclick: open,
        onkeydown: (event: KeyboardEvent) => {
          if ((event.key === 'Enter' || event.key === ' ') && event.target === event.currentTarget) {
            event.preventDefault();
            open();
          }
        }
      },
      glyph(tickGlyph(row), 14, tickWord(row)),
      h('span.jk-nw', { title: timesOf(row) }, clockOf(at)),
      h('span.jk-cut', { title: words }, this.what(row, words)),
      h('span.jk-num.jk-mut', null, row.took_s === null ? '–' : duration(row.took_s)),
      h('code.jk-cut.jk-mut.jk-tkcursor', { title: row.cursor ? `cursor ${row.cursor}` : '' }, row.cursor ?? '')
    );
  }

  private what(row: TickRow, words: string): Child {
    if (!row.run_ids.length || row.status === 'FAILURE') {
      const look = row.status === 'FAILURE' ? 'jk-t-fail' : row.status === 'SKIPPED' ? 'jk-mut' : '';
      return h('span', { class: look }, words);
    }
    const shown = row.run_ids.slice(0, 3).map((id, i) => [i ? ', ' : ' ', runLink(this.session, id)]);
    return [
      `${plural(row.run_ids.length, 'run')}:`,
      shown,
      row.run_ids.length > 3 ? ` and ${row.run_ids.length - 3} more` : '',
      row.run_keys.length ? h('span.jk-mut', null, ` ${row.run_keys.slice(0, 3).join(', ')}`) : null,
      row.why ? h('span.jk-mut', null, ` · ${row.why}`) : null
    ];
  }

  private toggle(row: TickRow): void {
    this.opened = this.opened === row.tick_id ? null : row.tick_id;
    this.draw();
    if (this.opened && !this.told.has(row.tick_id)) {
      void this.tell(row.tick_id);
    }
  }

  private async tell(tickId: string): Promise<void> {
    try {
      this.told.set(tickId, await this.session.ask('tick', { tick_id: tickId }));
    } catch (error) {
      this.told.set(tickId, sentence(error));
    }
    this.draw();
  }

  private inside(row: TickRow): HTMLElement {
    const told = this.told.get(row.tick_id);
    if (told === undefined) {
      return h('div.jk-inside.jk-mut', null, 'Reading…');
    }
    if (typeof told === 'string') {
      return h('div.jk-inside.jk-wrap', null, told);
    }
    const has = told.error !== null || told.log.length > 0;
    return h(
      'div.jk-inside',
      null,
      row.why && row.status !== 'FAILURE' ? h('div.jk-wrap', null, row.why) : null,
      told.error ? errorBlock(told.error, null) : null,
      told.log.length ? linesOf(told.log) : null,
      has ? null : h('div.jk-mut', null, 'It printed and logged nothing.')
    );
  }
}

/** What a look printed and logged. */
export const linesOf = (lines: readonly TickLine[]): HTMLElement =>
  h(
    'div.jk-log.jk-tail',
    null,
    lines.map((line, seq) => logRow({ ...line, step_key: null, seq }, { step: false }))
  );

const same = (a: TickRow, b: TickRow): boolean => a.tick_id === b.tick_id;

const clockOf = (at: number | null): string => {
  if (at === null) {
    return '';
  }
  const clock = clockMillis(at).slice(0, 8);
  return at > Date.now() - 86_400_000 ? clock : `${dayTime(at, Date.now()).replace(/ \d\d:\d\d$/, '')} ${clock}`;
};

const timesOf = (row: TickRow): string =>
  [
    row.scheduled_at === null ? '' : `time ${exactTime(row.scheduled_at)}`,
    row.at === null ? '' : `looked ${exactTime(row.at)}`,
    row.label
  ]
    .filter(Boolean)
    .join('\n');
