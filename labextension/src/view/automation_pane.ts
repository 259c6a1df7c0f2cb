/**
 * What is open of one schedule or sensor: its last looks with their reasons, what a look would do, when it looks
 * next, its cursor and run keys, its code. Read again when a push says that it looked.
 */
import { flip, resetKeys, setCursor } from '../automation_actions';
import { inWords, nextWords } from '../automation';
import type { AutomationDetails, AutomationRow } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { exactTime } from '../words';
import { codeBlock, fold } from './code';
import { conditionList } from './conditions';
import { h, put, say } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';
import { button, iconButton } from './menu';
import { PreviewBox } from './preview';
import { putOff } from './press';
import { runLink } from './run_link';
import { skeleton, trouble } from './states';
import { TickList } from './ticks';

const REREAD_AFTER = 150;

export class AutomationPane {
  readonly element = h('section.jk-look', { 'aria-label': 'Schedule or sensor', hidden: true });
  private readonly head = h('div.jk-lookhead.jk-row');
  private readonly main = h('div.jk-lookmain');
  private readonly side = h('div.jk-lookside');
  private readonly found = h('div', { hidden: true });
  private name: string | null = null;
  private details: AutomationDetails | null = null;
  private row: AutomationRow | null = null;
  private ticks: TickList | null = null;
  private preview: PreviewBox | null = null;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly session: Session) {
    put(this.element, this.head, h('div.jk-lookbody', null, this.main, this.side));
  }

  /** Show one by its name, or nothing. */
  show(name: string | null): void {
    const { until } = this.session.page;
    this.element.hidden = name === null;
    if (name === this.name && (this.ticks?.until ?? null) === until) {
      return;
    }
    const other = name !== this.name;
    this.name = name;
    if (name === null) {
      clearTimeout(this.timer);
      this.details = this.row = this.ticks = this.preview = null;
      return;
    }
    this.row = this.rowNow();
    this.ticks = new TickList(this.session, name, until);
    if (other) {
      this.details = null;
      this.preview = new PreviewBox(this.session, name, this.row?.kind ?? 'schedule');
      put(this.main, skeleton());
      put(this.side);
    }
    this.drawHead();
    void this.read();
  }

  private rowNow(): AutomationRow | null {
    return this.session.snapshot?.automation.rows.find(row => row.name === this.name) ?? null;
  }

  /** A push came. */
  update(): void {
    const before = this.row;
    this.row = this.rowNow();
    if (this.name === null || this.row === before) {
      return;
    }
    this.drawHead();
    if (before?.last !== this.row?.last || before?.on !== this.row?.on || before?.when !== this.row?.when) {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        void this.read();
      }, REREAD_AFTER); // what comes meanwhile does not put that off
    }
  }

  private async read(): Promise<void> {
    const turn = ++this.turn;
    const { name, ticks } = this;
    if (name === null || !ticks) {
      return;
    }
    try {
      const details = await this.session.ask('automation', { name });
      if (turn !== this.turn) {
        return;
      }
      this.details = details;
      await ticks.refresh(details);
      if (turn === this.turn) {
        this.draw();
      }
    } catch (error) {
      if (turn === this.turn && !this.session.gone) {
        put(
          this.main,
          trouble(sentence(error), () => void this.read())
        );
      }
    }
  }

  private drawHead(): void {
    const { row } = this;
    const signature = JSON.stringify([this.name, row?.on, row?.kind]);
    if (this.head.dataset.drawn === signature || putOff(() => this.drawHead())) {
      return;
    }
    this.head.dataset.drawn = signature;
    put(
      this.head,
      h('span.jk-h.jk-cut', null, this.name),
      h('span.jk-mut.jk-long', null, row?.kind ?? ''),
      h('span.jk-mut.jk-moving.jk-cut'),
      h('span.jk-grow'),
      row ? button(row.on ? 'Switch off' : 'Switch on', () => void flip(this.session, row)) : null,
      this.session.host.goto && this.details?.code.cell_id
        ? button('Go to the cell', () => this.session.host.goto?.('', this.details?.code.cell_id ?? null), {
            icon: 'cell'
          })
        : null,
      iconButton('x', 'Close', () => this.session.open({ tab: 'automation' }), 'sm')
    );
    this.tick(Date.now());
  }

  private readonly draw = (): void => {
    const { details, ticks, preview } = this;
    if (!details || !ticks || !preview || putOff(this.draw)) {
      return;
    }
    delete this.head.dataset.drawn;
    this.drawHead();
    if (this.main.firstElementChild !== preview.element || this.main.lastElementChild !== ticks.element) {
      put(this.main, preview.element, this.found, ticks.element);
    }
    this.drawConditions(details);
    const signature = JSON.stringify({ ...details, ticks: null, more: null, conditions: null });
    if (this.side.dataset.drawn !== signature || !this.side.childElementCount) {
      this.side.dataset.drawn = signature;
      put(this.side, this.sideParts(details));
    }
  };

  /** What a sensor of conditions found, where this is one. */
  private drawConditions({ conditions, more_conditions }: AutomationDetails): void {
    this.found.hidden = !conditions.length;
    const signature = JSON.stringify([conditions, more_conditions]);
    if (conditions.length && this.found.dataset.drawn !== signature) {
      this.found.dataset.drawn = signature;
      put(this.found, part('Conditions', conditionList(this.session, conditions, more_conditions)));
    }
  }

  private sideParts(details: AutomationDetails): Child[] {
    const { row } = this;
    return [
      row?.trouble ? part('Trouble', h('div.jk-wrap.jk-t-warn', null, glyph('warning', 12), row.trouble)) : null,
      details.description ? h('div.jk-sec.jk-wrap.jk-pre', null, details.description) : null,
      details.next.length ? part(row?.on ? 'Next' : 'Next, once it is on', nextTimes(details)) : null,
      row?.kind === 'sensor' ? part('Cursor', this.cursor(details)) : null,
      details.run_keys.length ? part('Run keys', this.keys(details)) : null,
      Object.keys(details.facts).length ? part('Options', facts(details.facts)) : null,
      details.code.source
        ? h(
            'div.jk-sec',
            null,
            fold(codeWords(details), () => codeBlock(details.code.source, 'python'))
          )
        : null
    ];
  }

  private cursor(details: AutomationDetails): HTMLElement {
    const input = h('input.jk-input', {
      type: 'text',
      value: details.cursor ?? '',
      placeholder: 'none',
      'aria-label': 'Cursor',
      spellcheck: 'false'
    }) as HTMLInputElement;
    const set = () => void this.change(setCursor(this.session, details.name, input.value));
    input.addEventListener('keydown', event => event.key === 'Enter' && set());
    const clear = () => void this.change(setCursor(this.session, details.name, null));
    return h(
      'div.jk-row.jk-gap6',
      null,
      h('label.jk-field.jk-grow', null, input),
      button('Set', set, { title: 'The next look finds this cursor' }),
      details.cursor === null ? null : button('Clear', clear, { title: 'The next look finds no cursor' })
    );
  }

  private keys(details: AutomationDetails): HTMLElement {
    const reset = (keys: string[] | null) => () => void this.change(resetKeys(this.session, details.name, keys));
    return h(
      'div.jk-keys',
      null,
      details.run_keys.map(({ key, run_id }) =>
        h(
          'div.jk-keyline',
          null,
          h('code.jk-cut', { title: key }, key),
          runLink(this.session, run_id),
          button('Reset', reset([key]), { title: 'A request with this run key is launched again', look: 'sm.jk-small' })
        )
      ),
      details.more_keys ? h('div.jk-mut', null, 'and more') : null,
      details.run_keys.length > 1 ? button('Reset all', reset(null), { title: 'All run keys may be used again' }) : null
    );
  }

  private async change(done: Promise<void>): Promise<void> {
    await done;
    await this.read();
  }

  tick(now: number): void {
    const moving = this.head.querySelector('.jk-moving');
    if (moving && this.row) {
      const [next, coming] = nextWords(this.row, now);
      say(moving, this.row.on ? [next, coming].filter(word => word && word !== '–').join(', ') : 'off');
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.turn++;
  }
}

const part = (title: string, body: Child): HTMLElement =>
  h('div.jk-sec', { 'data-section': title.toLowerCase() }, h('div.jk-h2', null, h('span', null, title)), body);

const nextTimes = ({ next }: AutomationDetails): HTMLElement =>
  h(
    'div.jk-times',
    null,
    next.map(({ at, local }) => [
      h('span.jk-nw', { title: exactTime(at) }, local),
      h('span.jk-mut.jk-nw', null, local.endsWith('UTC') ? '' : utc(at)),
      h('span.jk-mut.jk-nw.jk-num', null, inWords(at, Date.now()))
    ])
  );

const utc = (at: number): string => `${new Date(at).toISOString().slice(11, 16)} UTC`;

const facts = (found: Record<string, string>): HTMLElement =>
  h(
    'div.jk-facts2',
    null,
    Object.entries(found).map(([name, text]) => [h('span.jk-mut', null, name), h('span.jk-wrap', null, text)])
  );

const codeWords = ({ code }: AutomationDetails): string => (code.cell === null ? 'Code' : `Code of cell ${code.cell}`);
