/**
 * The page of schedules and sensors: who sees to them, a row each with its switch and its day, what is open of one
 * below. Rows are made once and changed in place, so that a press or the focus is never lost.
 */
import { cityOf, HERE, jumpWords, NO_AUTOMATION, pinWords, schedulerFacts } from '../automation';
import type { Automation, AutomationRow } from '../protocol';
import type { Session } from '../session';
import { clockSeconds, duration } from '../words';
import { AutomationLine } from './automation_row';
import { AutomationPane } from './automation_pane';
import { h, put, say } from './dom';
import { glyph, icon } from './glyphs';
import { noAutomation } from './states';
import { Pinned } from './pinned';

const ROW = 48;
const MOST = 1000;
/** How often it is asked for its heartbeat, and from when on that is late. */
const HEAR_EVERY = 4000;
const LATE = 30_000;
const SAID: Record<string, string> = { true: ' in this kernel', false: ': the scheduler has no thread' };
const HEADS = ['', 'name and job', 'when', 'next', '24 h', 'last look'];

export class AutomationView {
  readonly element = h('div.jk-auto');
  private readonly health = h('div.jk-health');
  private readonly beat = h('span.jk-nw.jk-mut.jk-beat');
  private readonly list = h('div.jk-ars', { role: 'list', 'aria-label': 'Schedules and sensors' });
  private readonly scroll = h('div.jk-arscroll', null, this.head(), this.list);
  private readonly pane: AutomationPane;
  private readonly pinned: Pinned | null;
  private readonly lines = new Map<string, AutomationLine>();
  private readonly stop: () => void;
  private turnedAt: number | null = null;
  private heardAt = 0;

  constructor(private readonly session: Session) {
    this.pane = new AutomationPane(session);
    this.pinned = session.host.pinned ? new Pinned(session) : null;
    put(this.element, this.health, this.scroll, this.pane.element, this.pinned?.element);
    this.list.addEventListener('keydown', event => this.onKey(event));
    this.scroll.addEventListener('scroll', () => this.look(), { passive: true });
    this.stop = session.on('automation', () => this.update());
    this.update();
    this.open(session.page.automation);
    void this.hear();
  }

  private head(): HTMLElement {
    return h(
      'div.jk-ar.jk-arhead',
      { 'aria-hidden': 'true' },
      HEADS.map((text, i) =>
        i === 4 ? h('span.jk-row', null, h('span.jk-grow', null, text), h('span', null, 'now')) : h('span', null, text)
      )
    );
  }

  private get automation(): Automation {
    return this.session.snapshot?.automation ?? NO_AUTOMATION;
  }

  /** A push came. */
  update(): void {
    const { rows } = this.automation;
    const now = Date.now();
    this.drawHealth(now);
    this.scroll.hidden = !rows.length;
    this.drawRows(rows, now);
    this.pane.update();
    this.pinned?.update(this.automation.pin);
  }

  private drawRows(rows: readonly AutomationRow[], now: number): void {
    const names = new Set(rows.map(row => row.name));
    for (const [name, line] of [...this.lines]) {
      if (!names.has(name)) {
        line.element.remove();
        this.lines.delete(name);
      }
    }
    rows.forEach((row, i) => {
      let line = this.lines.get(row.name);
      if (!line) {
        line = new AutomationLine(this.session, row.name);
        this.lines.set(row.name, line);
      }
      if (this.list.children[i] !== line.element) {
        this.list.insertBefore(line.element, this.list.children[i] ?? null);
      }
      line.update(row, now);
    });
    this.look();
    const empty = this.element.querySelector('.jk-state');
    if (!rows.length && !empty) {
      this.scroll.before(noAutomation());
    } else if (rows.length) {
      empty?.remove();
    }
  }

  /** Tell the rows which of them are in view, and a screenful around. */
  private look(): void {
    const now = Date.now();
    const height = (this.list.firstElementChild as HTMLElement | null)?.offsetHeight || ROW;
    const seen = (this.scroll.clientHeight || MOST) / height;
    const first = this.scroll.scrollTop / height;
    let i = 0;
    for (const element of this.list.children) {
      this.lines
        .get((element as HTMLElement).dataset.automation ?? '')
        ?.seen(i >= first - seen && i <= first + 2 * seen, now);
      i++;
    }
  }

  /** Show what there is of one, or nothing. */
  open(name: string | null): void {
    this.lines.forEach((line, key) => line.select(key === name));
    this.element.classList.toggle('jk-has-look', name !== null);
    this.pane.show(name);
    if (name !== null) {
      this.lines.get(name)?.element.scrollIntoView?.({ block: 'nearest' });
    }
  }

  /** Time passes. */
  tick(): void {
    const now = Date.now();
    this.lines.forEach(line => line.tick(now));
    this.pane.tick(now);
    this.drawBeat(now);
    if (now - this.heardAt >= HEAR_EVERY && this.automation.rows.length) {
      void this.hear();
    }
  }

  /** Ask when the scheduler last looked at the clock, as long as somebody sees this page; the rest it says by itself. */
  private async hear(): Promise<void> {
    this.heardAt = Date.now();
    try {
      this.turnedAt = (await this.session.ask('scheduler', {})).turned_at;
      this.drawBeat(Date.now());
    } catch {
      return; // the line says what is known without it
    }
  }

  private drawHealth(now: number): void {
    const { rows, scheduler, pin } = this.automation;
    this.health.hidden = !rows.length && !pin;
    const facts = schedulerFacts(rows, scheduler);
    const jump = jumpWords(scheduler, now);
    const signature = JSON.stringify([facts, jump, scheduler.alive, pin]);
    if (this.health.dataset.drawn === signature) {
      return;
    }
    this.health.dataset.drawn = signature;
    put(
      this.health,
      !rows.length ? null : scheduler.alive ? glyph('fresh') : glyph('warning'),
      rows.length
        ? h(
            'span.jk-nw',
            null,
            h('b', null, scheduler.alive ? 'Running' : 'Not running'),
            SAID[String(scheduler.alive)]
          )
        : null,
      rows.length ? this.beat : null,
      (rows.length ? facts : []).map(fact =>
        h(`span.jk-nw.${fact.includes('late') ? 'jk-t-warn' : 'jk-mut'}`, null, fact)
      ),
      jump ? h('span.jk-cut.jk-t-warn', { title: jump }, jump) : null,
      h('span.jk-grow'),
      pin
        ? h(
            'span.jk-pin.jk-row',
            { title: pin.text },
            icon('pin', 14),
            h('b', null, pin.text.startsWith('Live') ? 'Live' : 'Pinned'),
            pin.moved_on
              ? h(
                  'span.jk-tag.jk-moved',
                  { title: pin.text },
                  h('span.jk-long', null, 'the notebook has '),
                  'moved on: %jk pin'
                )
              : null,
            h('span.jk-cut.jk-mut', null, pinWords(pin))
          )
        : h('span.jk-mut.jk-nw', { title: HERE }, `times are ${cityOf(HERE)}`)
    );
  }

  /** When the scheduler last looked at the clock; late where it should have looked again. */
  private drawBeat(now: number): void {
    const { turnedAt } = this;
    const gone = turnedAt === null ? 0 : Math.max(0, now - turnedAt);
    say(
      this.beat,
      turnedAt === null
        ? ''
        : `heartbeat ${gone < 1500 ? 'now' : `${duration(Math.round(gone / 1000)).replace('.0 s', ' s')} ago`}`
    );
    this.beat.title = turnedAt === null ? '' : `It last looked at the clock at ${clockSeconds(turnedAt)}`;
    this.beat.classList.toggle('jk-t-warn', gone > LATE);
  }

  private onKey(event: KeyboardEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>('.jk-ar');
    const to: Record<string, 'nextElementSibling' | 'previousElementSibling'> = {
      j: 'nextElementSibling',
      ArrowDown: 'nextElementSibling',
      k: 'previousElementSibling',
      ArrowUp: 'previousElementSibling'
    };
    if (row && to[event.key]) {
      event.preventDefault();
      (row[to[event.key]] as HTMLElement | null)?.focus();
    } else if (row && row === event.target && (event.key === 'Enter' || event.key === ' ')) {
      event.preventDefault();
      row.click();
    }
  }

  dispose(): void {
    this.stop();
    this.pane.dispose();
  }
}
