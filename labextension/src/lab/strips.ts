/**
 * The 24 px line in the header slot of cells that define an asset, op, schedule or sensor: status and reason, rows and
 * age, a button. Only where the kernel knows the key or the op. Knows notebooks and cells; draws nothing over code.
 */
import type { Cell } from '@jupyterlab/cells';
import { definitionOf, isAutomation } from '../cells';
import type { Definition } from '../cells';
import { statusOfOp, usesOf } from '../ops';
import type { AutomationRow, NodeStatus, OpRow, Shown } from '../protocol';
import { age, causeLabel, exactTime, nodeWord, plural, urgent } from '../words';
import { h, put } from '../view/dom';
import type { Child } from '../view/dom';
import { glyph, shapeOf } from '../view/glyphs';
import { guardKeys } from '../view/guard';
import { button } from '../view/menu';
import { putOff, watchPresses } from '../view/press';
import { automationParts } from './automation_strip';
import type { Watched } from './notebooks';

const SLOT = '.jp-Cell-header, .jp-CellHeader';
const SOON = 120;
const EVERY = 5000;

/** Keep strips on every defining cell of a notebook. */
export class Strips {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly clock: ReturnType<typeof setInterval>;
  private readonly drawn = new WeakMap<HTMLElement, string>();
  private readonly unguard: () => void;
  private refusals = new Map<string, string>();

  constructor(
    private readonly one: Watched,
    private readonly show: (shown: Shown) => void
  ) {
    const { content, context } = one.panel;
    one.onPush(() => this.soon());
    context.model.contentChanged.connect(this.soon, this);
    content.modelContentChanged?.connect(this.soon, this);
    content.activeCellChanged.connect(this.soon, this);
    this.clock = setInterval(() => this.one.snapshot && this.soon(), EVERY);
    const stops = [guardKeys(one.panel.node, '.jk-cellstrip'), watchPresses(one.panel.node, '.jk-cellstrip')];
    this.unguard = () => stops.forEach(stop => stop());
    one.panel.disposed.connect(() => this.dispose());
  }

  private soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.sweep();
    }, SOON);
  }

  private sweep(): void {
    if (this.one.panel.isDisposed || putOff(() => this.soon())) {
      return;
    }
    for (const cell of this.one.panel.content.widgets) {
      if (cell.model.type === 'code') {
        this.draw(cell);
      }
    }
  }

  private draw(cell: Cell): void {
    const slot = cell.node.querySelector<HTMLElement>(SLOT);
    if (!slot) {
      return;
    }
    const found = definitionOf(cell.model.sharedModel.getSource());
    const op = found?.kind === 'op' ? this.opOf(found.key) : undefined;
    const status = op ? statusOfOp(op, this.one.snapshot?.status ?? {}) : this.statusOfAsset(found);
    const row = isAutomation(found) ? this.rowOf(found as Definition) : undefined;
    if (found && row) {
      const facts = [found, { ...row, strip: null }, Math.floor(Date.now() / 10_000), this.refusals.get(found.key)];
      this.fill(slot, JSON.stringify(facts), () => this.automation(row));
    } else if (found && status) {
      const pace = status.status === 'running' ? 1000 : 30_000;
      const facts = [found, op, status, Math.floor(Date.now() / pace), this.refusals.get(found.key)];
      this.fill(slot, JSON.stringify(facts), () => this.parts(found, status, op));
    } else {
      slot.querySelector('.jk-cellstrip')?.remove();
    }
  }

  private fill(slot: HTMLElement, signature: string, parts: () => Child[]): void {
    const held = slot.querySelector<HTMLElement>('.jk-cellstrip');
    const strip = held ?? h('div.jk-cellstrip');
    if (!held) {
      slot.append(strip);
    }
    if (this.drawn.get(strip) !== signature) {
      this.drawn.set(strip, signature);
      const focused = strip.contains(document.activeElement);
      put(strip, parts());
      if (focused) {
        strip.querySelector<HTMLElement>('button')?.focus({ preventScroll: true });
      }
    }
  }

  private rowOf({ key, kind }: Definition): AutomationRow | undefined {
    return this.one.snapshot?.automation.rows.find(row => row.name === key && row.kind === kind);
  }

  private automation(row: AutomationRow): Child[] {
    return automationParts(row, this.one.snapshot?.runs ?? [], {
      refusal: this.refusals.get(row.name),
      show: name => this.show({ automation: name }),
      flip: async ({ name, on }) => void (await this.ask(name, 'switch', { name, on: !on }))
    });
  }

  private opOf(name: string): OpRow | undefined {
    return this.one.snapshot?.ops.find(row => row.name === name);
  }

  private statusOfAsset(found: Definition | null): NodeStatus | undefined {
    return found?.kind === 'asset' ? this.one.snapshot?.status[found.key] : undefined;
  }

  private parts({ key }: Definition, status: NodeStatus, op?: OpRow): Child[] {
    const refusal = this.refusals.get(key);
    return [
      glyph(shapeOf(status), 14, nodeWord(status)),
      refusal ? h('span.jk-cut.jk-t-fail', { title: refusal, role: 'alert' }, refusal) : this.words(status),
      h('span.jk-mut.jk-nw', { title: exactTime(status.at) }, factsOf(status)),
      status.status === 'failed' && status.run_id
        ? h(
            'button.jk-link',
            { type: 'button', onclick: () => this.show({ run: status.run_id as string, step: key }) },
            'Log'
          )
        : null,
      h('span.jk-grow'),
      op
        ? h('span.jk-mut.jk-cut', { title: usesOf(op) }, usesOf(op))
        : h(
            'button.jk-link.jk-mut',
            { type: 'button', title: 'Show in the graph', onclick: () => this.show({ key }) },
            status.kind ?? 'asset'
          ),
      this.action(key, status, op)
    ];
  }

  private words(status: NodeStatus): Child {
    const now = Date.now();
    switch (status.status) {
      case 'fresh':
        return status.edited ? h('span.jk-t-run', null, 'edited, not run') : null;
      case 'stale':
        return h('span.jk-cut', null, h('span.jk-b.jk-t-warn', null, 'Stale: '), causeLabel(status.cause));
      case 'failed':
        return h(
          'span.jk-cut',
          { title: status.error },
          h('span.jk-b.jk-t-fail', null, 'Failed: '),
          status.error ?? ''
        );
      case 'running':
        return h('span.jk-nw', null, h('span.jk-b.jk-t-run', null, 'Running '), urgent(status, now).text);
      default:
        return h('span.jk-mut.jk-nw', { title: status.waiting }, urgent(status, now).text);
    }
  }

  private action(key: string, status: NodeStatus, op?: OpRow): Child {
    const busy = status.status === 'running' || status.status === 'queued';
    if (busy && status.run_id) {
      const run = this.one.snapshot?.runs.find(each => each.run_id === status.run_id);
      const force = run?.status === 'CANCELING';
      const label = force ? 'Cancel again' : 'Cancel';
      return button(label, () => void this.ask(key, 'cancel', { run_id: status.run_id, force }), {
        icon: 'stop',
        look: 'jk-mini-btn',
        title: run?.cancel ? `${label}: ${run.cancel}` : label
      });
    }
    const press = { icon: 'play', look: 'jk-mini-btn' } as const;
    if (!op) {
      return button('Materialize', () => void this.materialize(key), press);
    }
    const job = op.uses.length === 1 ? op.uses[0].job : null;
    return job && button(`Run ${job}`, () => void this.ask(key, 'launch', { job }), press);
  }

  private async materialize(key: string): Promise<void> {
    const done = await this.ask(key, 'materialize', { keys: [key], scope: 'only', include_missing: false });
    if (!done) {
      this.show({ key }); // the pane offers what the strip has no room for
    }
  }

  private async ask(key: string, op: string, fields: Record<string, unknown>): Promise<boolean> {
    this.refusals.delete(key);
    try {
      await this.one.request(op, fields);
      return true;
    } catch (error) {
      this.refusals.set(key, error instanceof Error ? error.message : String(error));
      return false;
    } finally {
      this.soon();
    }
  }

  private dispose(): void {
    this.unguard();
    clearInterval(this.clock);
    if (this.timer) {
      clearTimeout(this.timer);
    }
  }
}

function factsOf(status: NodeStatus): string {
  if (status.status === 'running' || status.status === 'never') {
    return '';
  }
  const ago = age(status.at, Date.now());
  const when = ago === 'now' || !ago ? ago : `${ago} ago`;
  const rows = status.rows === null || status.status === 'failed' ? '' : plural(status.rows, 'row');
  return [rows, when].filter(Boolean).join(', ');
}
