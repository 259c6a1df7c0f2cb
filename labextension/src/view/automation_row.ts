/** One row of the automation page: switch, what it starts and when, its next look, its day, its last look. */
import {
  bucketOf,
  BUCKET,
  cityOf,
  HERE,
  lastFace,
  nextWords,
  PAST,
  AHEAD,
  ringsOf,
  runsWhat,
  stripPaths
} from '../automation';
import { flip } from '../automation_actions';
import type { AutomationRow } from '../protocol';
import type { Session } from '../session';
import { exactTime } from '../words';
import { h, put, s, say } from './dom';
import { glyph, icon } from './glyphs';
import { Switch } from './switch';

export class AutomationLine {
  readonly element: HTMLElement;
  private readonly toggle: Switch;
  private readonly name = h('span.jk-cut.jk-b');
  private readonly marks = h('span.jk-armarks');
  private readonly starts = h('span.jk-cut.jk-mut');
  private readonly when = h('span.jk-cut');
  private readonly note = h('span.jk-cut.jk-mut');
  private readonly next = h('span.jk-cut');
  private readonly coming = h('span.jk-cut.jk-mut');
  private readonly day = h('div.jk-day', { 'aria-hidden': 'true' });
  private readonly glyphs = h('span.jk-arg');
  private readonly what = h('span.jk-cut');
  private readonly last = h('span.jk-cut.jk-mut');
  private row: AutomationRow | null = null;
  private drawnDay = '';
  private isInView = false;

  constructor(
    private readonly session: Session,
    name: string
  ) {
    this.toggle = new Switch(row => flip(session, row));
    this.element = h(
      'div.jk-ar',
      { role: 'listitem', tabindex: 0, 'data-automation': name, onclick: () => this.press() },
      this.toggle.element,
      h('div.jk-two.jk-arname', null, h('span.jk-row.jk-gap6', null, this.name, this.marks), this.starts),
      h('div.jk-two.jk-arwhen', null, this.when, this.note),
      h('div.jk-two.jk-arnext', null, this.next, this.coming),
      this.day,
      h('div.jk-row.jk-arlast', null, this.glyphs, h('div.jk-two', null, this.what, this.last))
    );
    this.day.addEventListener('click', event => this.pressDay(event));
  }

  private press(until: number | null = null): void {
    const { page } = this.session;
    const name = this.row?.name ?? null;
    const same = page.automation === name && until === null;
    this.session.open({ tab: 'automation', automation: same ? null : name, until });
  }

  /** A press on a mark opens what was looked at until then. */
  private pressDay(event: MouseEvent): void {
    const box = this.day.getBoundingClientRect();
    const place = box.width ? ((event.clientX - box.left) / box.width) * (PAST + AHEAD) : PAST;
    if (place < PAST - 2) {
      event.stopPropagation();
      this.press((bucketOf(Date.now()) - (PAST - Math.ceil(place)) + 2) * BUCKET);
    }
  }

  /** Whether somebody can see it: days that nobody sees are drawn later. */
  seen(isInView: boolean, now: number): void {
    this.isInView = isInView;
    if (isInView && this.row) {
      this.drawDay(this.row, now);
    }
  }

  update(row: AutomationRow, now: number): void {
    this.drawMarks(row);
    if (this.row === row) {
      return;
    }
    this.row = row;
    this.element.classList.toggle('jk-off', !row.on);
    this.toggle.update(row);
    say(this.name, row.name);
    this.name.title = row.name;
    say(this.starts, row.trouble ?? `${runsWhat(row)}${row.owner === null ? '' : `, in ${row.owner}`}`);
    this.starts.title = this.starts.textContent ?? '';
    this.starts.classList.toggle('jk-t-warn', row.trouble !== null);
    say(this.when, row.when);
    const zone = row.zone && row.zone !== HERE ? `${cityOf(row.zone)} time` : '';
    say(this.note, [zone, row.note].filter(Boolean).join(', '));
    this.when.title = this.note.title = [row.when, row.zone, row.note].filter(Boolean).join(', ');
    this.tick(now);
  }

  private drawMarks(row: AutomationRow): void {
    const pinned = this.session.snapshot?.automation.pin?.automations.includes(row.name) ?? false;
    const signature = JSON.stringify([pinned, row.trouble !== null]);
    if (this.marks.dataset.drawn !== signature) {
      this.marks.dataset.drawn = signature;
      put(
        this.marks,
        row.trouble === null ? null : glyph('warning', 12, 'trouble'),
        pinned ? h('span', { title: 'Goes on when this notebook closes', role: 'img' }, icon('pin', 12)) : null
      );
    }
  }

  /** Time passes: countdown, age, and every six minutes the day. */
  tick(now: number): void {
    const { row } = this;
    if (!row) {
      return;
    }
    const [next, coming] = nextWords(row, now);
    say(this.next, next);
    say(this.coming, coming);
    this.next.title = this.coming.title = row.on && row.next.length ? exactTime(row.next[0]) : '';
    this.drawLast(row, now);
    this.drawDay(row, now);
    const spoken = [row.name, row.on ? 'on' : 'off', runsWhat(row), row.when, row.trouble, next, coming];
    const label = [...spoken, `last: ${this.what.textContent}`, this.last.textContent].filter(Boolean).join(', ');
    if (this.element.getAttribute('aria-label') !== label && !this.element.matches(':focus')) {
      this.element.setAttribute('aria-label', label);
    }
  }

  private drawLast(row: AutomationRow, now: number): void {
    const face = lastFace(row, this.session.snapshot?.runs ?? [], now);
    if (this.glyphs.dataset.drawn !== face.glyph) {
      this.glyphs.dataset.drawn = face.glyph;
      put(this.glyphs, glyph(face.glyph));
    }
    say(this.what, face.what);
    say(this.last, face.when);
    this.what.title = face.what;
    this.what.classList.toggle('jk-t-fail', face.tone === 'fail');
    this.last.title = row.last ? exactTime(row.last.at) : '';
  }

  private drawDay(row: AutomationRow, now: number): void {
    const signature = `${bucketOf(now)} ${row.next.join()} ${row.strip.first} ${row.strip.marks}`;
    if (this.drawnDay === signature || !this.isInView) {
      return;
    }
    this.drawnDay = signature;
    const paths = stripPaths(row.strip, now);
    put(
      this.day,
      s(
        'svg',
        { viewBox: `0 0 ${PAST + AHEAD} 20`, preserveAspectRatio: 'none' },
        ['s', 'r', 'm', 'f'].map(mark => (paths[mark] ? s(`path.jk-d-${mark}`, { d: paths[mark] }) : null))
      ),
      h('span.jk-now'),
      row.on ? ringsOf(row.next, now).map(place => h('i', { style: `left:${place.toFixed(2)}%` })) : null
    );
  }

  select(on: boolean): void {
    this.element.classList.toggle('jk-on', on);
    this.element.setAttribute('aria-current', String(on));
  }
}
