/**
 * Log lines with a level filter and following. Keeps at most a few thousand lines in the page; ANSI colours are
 * taken out, everything else is shown as text. Called by the run's view; the details pane shows a tail of it.
 */
import { stepNames } from '../endings';
import type { LogLine } from '../protocol';
import { clockMillis, count, exactTime, logClass } from '../words';
import type { LogClass } from '../words';
import { h, put } from './dom';
import { icon } from './glyphs';

const MOST_LINES = 2000;
const LONGEST_LINE = 4000;
// CSI sequences, OSC sequences, and what is left of control characters
const ANSI =
  // eslint-disable-next-line no-control-regex
  /\u001b\[[0-9;?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[\u0000-\u0008\u000b-\u001f\u007f]/g;

export function plainText(text: string): string {
  const clean = text.replace(ANSI, '');
  return clean.length > LONGEST_LINE
    ? `${clean.slice(0, LONGEST_LINE)} … ${count(clean.length - LONGEST_LINE)} more characters`
    : clean;
}

const LEVEL_WORD: Record<string, string> = { event: 'event', display: 'display', stdout: 'stdout', stderr: 'stderr' };
const LOOK: Record<LogClass, string> = { error: 'jk-e', warning: 'jk-w', info: '', debug: '' };

export function logRow(line: LogLine, { step = true, names = stepNames([]) } = {}): HTMLElement {
  const of = line.step_key;
  const word = LEVEL_WORD[line.level] ?? line.level.toLowerCase();
  return h(
    `div.jk-lg.${LOOK[logClass(line)]}`,
    { 'data-class': logClass(line) },
    h('span.jk-mut', { title: exactTime(line.at) }, clockMillis(line.at)),
    step ? h('span.jk-cut', { title: of && names.whole(of) }, of === null ? '' : names.short(of)) : null,
    h('span.jk-ty', null, word),
    h('span.jk-line', null, plainText(line.text))
  );
}

const CLASSES: LogClass[] = ['error', 'warning', 'info', 'debug'];
const TONE: Partial<Record<LogClass, string>> = { error: 'jk-t-fail', warning: 'jk-t-warn' };

export class LogView {
  readonly element: HTMLElement;
  private readonly box = h('div.jk-log', { tabindex: 0, role: 'log', 'aria-live': 'off', 'aria-label': 'Log' });
  private readonly filters = h('span.jk-row');
  private readonly stepTag = h('span.jk-row');
  private lines: LogLine[] = [];
  private hidden = new Set<LogClass>(['debug']);
  private following = true;
  private steps: ReadonlySet<string> = new Set();
  names = stepNames([]);
  private readonly followButton: HTMLElement;

  /** `onClear` is called when every step's lines are wanted again. */
  constructor(private readonly onClear: () => void) {
    this.followButton = h('button.jk-btn.sm', { type: 'button', onclick: () => this.follow(!this.following) });
    const bar = h(
      'div.jk-logbar',
      null,
      h('span.jk-h', null, 'Log'),
      this.stepTag,
      h('span.jk-grow'),
      this.filters,
      this.followButton
    );
    this.element = h('div.jk-logview', null, bar, this.box);
    this.box.addEventListener('scroll', () => this.noticeScroll());
    this.follow(true);
  }

  get last(): number {
    return this.lines.length ? this.lines[this.lines.length - 1].seq : -1;
  }

  reset(lines: LogLine[]): void {
    this.lines = lines.slice(-MOST_LINES);
    this.redraw();
  }

  /** Add lines with a higher seq than those held. */
  add(lines: LogLine[]): void {
    const fresh = lines.filter(line => line.seq > this.last);
    if (!fresh.length) {
      return;
    }
    this.lines.push(...fresh);
    if (this.lines.length > MOST_LINES) {
      this.lines = this.lines.slice(-MOST_LINES);
      this.redraw();
      return;
    }
    this.box.append(...fresh.filter(line => this.shows(line)).map(line => logRow(line, { names: this.names })));
    this.drawFilters();
    this.keepEnd();
  }

  /** Show the lines of these steps alone; of all where there are none. */
  setSteps(steps: ReadonlySet<string>): void {
    this.steps = steps;
    this.redraw();
  }

  private shows(line: LogLine): boolean {
    return !this.hidden.has(logClass(line)) && this.isOfSteps(line);
  }

  private isOfSteps({ step_key }: LogLine): boolean {
    return this.steps.size === 0 || (step_key !== null && this.steps.has(step_key));
  }

  private redraw(): void {
    const shown = this.lines.filter(line => this.shows(line));
    const empty = this.lines.length ? 'Nothing at these levels' : 'Nothing was printed or logged';
    put(
      this.box,
      shown.length ? shown.map(line => logRow(line, { names: this.names })) : h('div.jk-mut.jk-empty', null, empty)
    );
    this.drawFilters();
    this.keepEnd();
  }

  private drawFilters(): void {
    const counts = new Map<LogClass, number>();
    for (const line of this.lines) {
      if (this.isOfSteps(line)) {
        counts.set(logClass(line), (counts.get(logClass(line)) ?? 0) + 1);
      }
    }
    put(
      this.filters,
      CLASSES.filter(name => counts.get(name)).map(name => this.filter(name, counts.get(name) as number))
    );
    const names = [...this.steps].map(this.names.whole);
    put(
      this.stepTag,
      names.length === 0
        ? null
        : h(
            'button.jk-chip',
            { type: 'button', title: `Show every step, not only ${names.join(', ')}`, onclick: () => this.onClear() },
            h('span', null, h('b', null, 'step:'), names.length === 1 ? names[0] : `${names.length} chosen`),
            icon('x', 12)
          )
    );
  }

  private filter(name: LogClass, n: number): HTMLElement {
    const off = this.hidden.has(name);
    const flip = () => {
      off ? this.hidden.delete(name) : this.hidden.add(name);
      this.redraw();
    };
    const look = `jk-lv${off ? '.jk-off' : ''}`;
    return h(
      `button.${look}`,
      { type: 'button', 'aria-pressed': String(!off), title: off ? `Show ${name}` : `Hide ${name}`, onclick: flip },
      h(`b.${TONE[name] ?? ''}`, null, count(n)),
      ` ${name}`
    );
  }

  private follow(on: boolean): void {
    this.following = on;
    put(this.followButton, on ? icon('check', 12) : null, 'Follow');
    this.followButton.setAttribute('aria-pressed', String(on));
    this.keepEnd();
  }

  private keepEnd(): void {
    if (this.following) {
      this.box.scrollTop = this.box.scrollHeight;
    }
  }

  private noticeScroll(): void {
    const atEnd = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - 8;
    if (this.following !== atEnd) {
      this.follow(atEnd);
    }
  }
}
