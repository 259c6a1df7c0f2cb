/**
 * The pane for one asset or op: its name, where it comes from, what can be done, then its sections. Reads
 * `details`, again when a push makes it outdated, and keeps what it shows meanwhile.
 */
import { cancel, cancelFace, goToCell, materialize } from '../actions';
import { isActive } from '../protocol';
import type { Details, NodeStatus } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { count, nodeWord, urgent } from '../words';
import { againButton } from './again';
import { h, put, say } from './dom';
import type { Child } from './dom';
import { glyph, shapeOf } from './glyphs';
import { button, iconButton, splitButton } from './menu';
import { putOff } from './press';
import { section, sections } from './sections';
import { skeleton, trouble } from './states';

const REREAD_AFTER = 400;

export class DetailsPane {
  readonly element = h('aside.jk-pane', { 'aria-label': 'Details', hidden: true });
  private key: string | null = null;
  private shown: Details | null = null;
  private seen: string | null = null;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly session: Session) {}

  /** Show a key, or nothing. */
  show(key: string | null): void {
    this.key = key;
    this.element.hidden = key === null;
    if (key === null) {
      this.element.classList.remove('jk-tall');
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
    // what comes meanwhile does not put that off, or the pane of a busy kernel would stand still
    this.due ??= setTimeout(() => {
      this.due = undefined;
      void this.read();
    }, REREAD_AFTER);
  }

  /** Schedules and sensors moved: read again where the sensor that looks at its condition has looked. */
  looked(): void {
    const { rows } = this.session.snapshot?.automation ?? { rows: [] };
    const row = rows.find(one => one.name === this.shown?.condition?.automation);
    const seen = row ? JSON.stringify([row.last?.tick_id, row.last?.status, row.on]) : null;
    if (this.key !== null && seen !== this.seen) {
      this.seen = seen;
      this.reread();
    }
  }

  /** Time passes: how long it has been running moves on. */
  tick(): void {
    const moving = this.element.querySelector<HTMLElement>('.jk-moving');
    const status = this.key === null ? undefined : this.session.snapshot?.status[this.key];
    if (moving && (status?.status === 'running' || status?.again_at)) {
      say(moving, urgent(status, Date.now()).text);
    }
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
        put(
          this.element,
          this.header(null),
          trouble(sentence(error), () => void this.read())
        );
      }
    }
  }

  private draw(d: Details): void {
    const { scrollTop } = this.element;
    put(
      this.element,
      this.header(d),
      sections(d, this.session).map(([name, ...body]) => section(name, body))
    );
    this.element.scrollTop = scrollTop;
  }

  private header(d: Details | null): HTMLElement {
    const key = d?.key ?? this.key ?? '';
    const status = this.session.snapshot?.status[key] ?? d?.status;
    return h(
      'div.jk-phead',
      null,
      h(
        'div.jk-row',
        null,
        glyph(shapeOf(status), 16, nodeWord(status)),
        h('span.jk-title.jk-grow.jk-cut', { title: key }, d?.label ?? key),
        h(
          'button.jk-link.jk-taller',
          { type: 'button', onclick: () => this.toggleTall() },
          this.element.classList.contains('jk-tall') ? 'Less' : 'Details'
        ),
        iconButton('x', 'Close (Esc)', () => this.session.select(null), 'sm')
      ),
      d ? h('div.jk-about', null, this.about(d)) : null,
      d ? this.buttons(d, status ?? d.status) : null
    );
  }

  /** In a narrow place the pane is a sheet below the list; it can take the whole height. */
  private toggleTall(): void {
    this.element.classList.toggle('jk-tall');
    if (this.shown) {
      this.draw(this.shown);
    }
  }

  private about(d: Details): Child[] {
    const owners = d.owners.length ? `owned by ${d.owners.join(', ')}` : '';
    const what = [d.kind, d.group && `in ${d.group}`].filter(Boolean).join(' ');
    const tags = Object.entries(d.tags).map(([name, value]) =>
      h('span.jk-tag', null, value ? `${name}=${value}` : name)
    );
    return [
      h('div.jk-mut.jk-wrap', { style: 'margin-top:4px' }, [what, owners].filter(Boolean).join(', ')),
      d.description ? h('div.jk-wrap.jk-pre', { style: 'margin-top:4px' }, d.description) : null,
      d.upstream.length || d.downstream.length
        ? h(
            'div.jk-mut.jk-wrap',
            null,
            this.links('from ', d.upstream),
            d.upstream.length ? ' ' : '',
            this.links('to ', d.downstream)
          )
        : null,
      tags.length ? h('div.jk-tags', null, tags) : null
    ];
  }

  private links(word: string, keys: string[]): Child[] {
    const shown = keys.slice(0, 6);
    const rest = keys.length - shown.length;
    const link = (key: string) => h('button.jk-link', { type: 'button', onclick: () => this.session.select(key) }, key);
    return keys.length
      ? [word, shown.map((key, i) => [i ? ', ' : '', link(key)]), rest ? ` and ${count(rest)} more` : '']
      : [];
  }

  private buttons(d: Details, status: NodeStatus): HTMLElement {
    const { session } = this;
    const run = (scope: 'only' | 'downstream' | 'upstream', missing = false) =>
      void materialize(session, [d.key], scope, missing);
    const plan = async (scope: 'only' | 'downstream' | 'upstream') =>
      (await session.ask('plan', { keys: [d.key], scope })).text;
    const running = (status.status === 'running' || status.status === 'queued') && status.run_id !== null;
    const cell = d.code.cell === null ? 'Cell' : `Cell ${d.code.cell}`;
    return h(
      'div.jk-acts',
      null,
      running
        ? this.cancelButton(status)
        : d.type === 'asset'
          ? splitButton(
              'Materialize',
              () => run('only'),
              () => [
                { label: 'Only this', note: plan('only'), run: () => run('only') },
                { label: 'With downstream', note: plan('downstream'), run: () => run('downstream') },
                { label: 'With missing upstream', note: plan('upstream'), run: () => run('only', true) }
              ],
              { icon: 'play' }
            )
          : this.againButton(d, status),
      session.host.goto && (d.code.cell_id !== null || d.code.cell !== null)
        ? button(cell, () => void goToCell(session, d.key, d.code.cell_id), {
            icon: 'cell',
            title: 'Go to the cell (C)'
          })
        : null
    );
  }

  private cancelButton({ run_id }: NodeStatus): HTMLElement {
    const run = { run_id: run_id as string, status: 'STARTED' as const, cancel: null };
    const { label, title } = cancelFace(this.session, run);
    const press = () => void cancel(this.session, run.run_id);
    return button(label, press, { icon: 'stop', title, look: 'sm.jk-cancel' });
  }

  /** A push of runs came: what Cancel says moves on when it has been pressed. */
  runsMoved(): void {
    const run_id = this.key === null ? null : (this.session.snapshot?.status[this.key]?.run_id ?? null);
    const held = this.element.querySelector<HTMLElement>('.jk-acts .jk-cancel');
    const row = this.session.snapshot?.runs.find(run => run.run_id === run_id);
    if (held && row && isActive(row) && held.title !== cancelFace(this.session, row).title && !putOff(this.again)) {
      held.replaceWith(this.cancelButton({ run_id } as NodeStatus));
    }
  }

  private readonly again = (): void => this.runsMoved();

  /** Only for an op: its last run again, from it on or it alone. */
  private againButton(d: Details, { run_id }: NodeStatus): HTMLElement | null {
    const row = this.session.snapshot?.runs.find(run => run.run_id === run_id);
    return d.type === 'op' && row && !isActive(row)
      ? againButton(this.session, { run_id: row.run_id, status: row.status, done: null }, () => [d.label], 'sm')
      : null;
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.turn++;
  }
}
