/**
 * One node as a card: glyph, name, kind, checks, the most urgent fact, progress. Made once, then updated in
 * place. Knows a node and its status; called by the graph view.
 */
import { countWords } from '../changes';
import type { GraphNode, NodeStatus, StatusMap, StatusWord } from '../protocol';
import { causeLabel, count, exactTime, plural, progressOf, spokenNode, statusLabel, urgent } from '../words';
import type { Tone } from '../words';
import { h, put, say } from './dom';
import { glyph, shapeOf } from './glyphs';
import type { GlyphName } from './glyphs';
import { partitionBar } from './partitions';

export interface Face {
  word: StatusWord;
  shape: GlyphName;
  text: string;
  tone: Tone;
  progress: number | null;
  running: boolean;
}

const TONES: Partial<Record<StatusWord, Tone>> = { failed: 'fail', stale: 'warn', running: 'run' };

/** What a node shows; a collapsed group shows its worst member and how many stand so. */
export function faceOf(node: GraphNode, status: StatusMap, now: number): Face {
  if (node.type === 'group' && node.member_keys) {
    const [worst] = countWords(node.member_keys, status);
    const quiet = !worst || worst[0] === 'fresh';
    const text = quiet ? 'all fresh' : `${count(worst[1])} ${statusLabel(worst[0])}`;
    const word = worst?.[0] ?? 'never';
    return { word, shape: word, text, tone: TONES[word] ?? '', progress: null, running: false };
  }
  const own = status[node.key];
  const running = own?.status === 'running';
  return {
    word: own?.status ?? 'never',
    shape: shapeOf(own),
    ...urgent(own, now),
    progress: own && running ? progressOf(own, now) : null,
    running
  };
}

export class Card {
  readonly element: HTMLElement;
  private readonly face = h('span.jk-glyph');
  private readonly kind = h('span.jk-cut');
  private readonly fact = h('span.jk-age');
  private readonly checks = h('span.jk-checks');
  private readonly foot = h('div.jk-ft');
  private drawn: StatusWord | null = null;
  private shape: GlyphName | null = null;
  private cells = '';

  constructor(readonly node: GraphNode) {
    this.element = h(
      'div.jk-card',
      { role: 'treeitem', tabindex: -1, 'data-key': node.key, 'aria-level': node.layer + 1 },
      h('div.jk-n', null, this.face, h('b.jk-cut', null, node.label)),
      h('div.jk-m', null, this.kind, this.checks, this.fact),
      this.foot
    );
    this.element.classList.toggle('jk-pile', node.type === 'group');
    this.element.classList.toggle('jk-external', node.type === 'external');
    Object.assign(this.element.style, {
      left: `${node.x}px`,
      top: `${node.y}px`,
      width: `${node.w}px`,
      height: `${node.h}px`
    });
    if (node.layer_size > 0) {
      this.element.setAttribute('aria-posinset', String(node.index + 1));
      this.element.setAttribute('aria-setsize', String(node.layer_size));
    }
  }

  update(status: StatusMap, now: number): void {
    const face = faceOf(this.node, status, now);
    const own = status[this.node.key];
    if (this.drawn !== face.word) {
      this.element.classList.remove(`jk-${this.drawn}`);
      this.element.classList.add(`jk-${face.word}`);
      this.drawn = face.word;
    }
    if (this.shape !== face.shape) {
      put(this.face, glyph(face.shape));
      this.shape = face.shape;
    }
    this.fact.className = face.tone ? `jk-age jk-t-${face.tone}` : 'jk-age';
    const checked = own && own.checks_passed + own.checks_failed + own.checks_warned > 0;
    this.drawFact(checked ? face.text.split(' · ')[0] : face.text, own); // with checks there is no room for the age
    this.drawChecks(own);
    say(this.kind, this.node.type === 'group' ? kindOf(this.node) : (own?.kind ?? kindOf(this.node)));
    this.drawProgress(face, own);
    this.element.title = hoverText(this.node, own);
    this.element.setAttribute('aria-label', spokenNode(this.node, own));
  }

  private drawFact(text: string, own: NodeStatus | undefined): void {
    const pencil = own?.status === 'fresh' && own.edited;
    if (pencil !== Boolean(this.fact.querySelector('svg')) || this.fact.lastChild?.textContent !== text) {
      put(this.fact, pencil ? glyph('edited', 12) : null, text);
    }
  }

  private drawChecks(own: NodeStatus | undefined): void {
    const { text, tone } = checksFace(own);
    this.checks.className = tone ? `jk-checks jk-t-${tone}` : 'jk-checks';
    say(this.checks, text);
  }

  private drawProgress(face: Face, own: NodeStatus | undefined): void {
    const cells = own?.partitions?.cells;
    if (own?.partitions && cells) {
      if (this.cells !== cells) {
        put(this.foot, partitionBar(own.partitions));
        this.cells = cells;
      }
      return;
    }
    this.cells = '';
    if (!face.running) {
      this.foot.replaceChildren();
      return;
    }
    const bar = this.foot.querySelector<HTMLElement>('i') ?? h('i');
    if (!bar.isConnected) {
      put(this.foot, h('div.jk-prog', null, bar));
    }
    bar.style.width = `${Math.round((face.progress ?? 1) * 100)}%`;
  }

  mark(name: 'jk-sel' | 'jk-dim', on: boolean): void {
    this.element.classList.toggle(name, on);
    if (name === 'jk-sel') {
      this.element.setAttribute('aria-selected', String(on));
    }
  }
}

/** The worst of a node's checks and how many: failed, failed as a warning, passed. */
export function checksFace(own: NodeStatus | undefined): { text: string; tone: Tone } {
  if (own?.checks_failed) {
    return { text: `✕ ${own.checks_failed}${own.checks_blocking ? ' blocks' : ''}`, tone: 'fail' };
  }
  if (own?.checks_warned) {
    return { text: `△ ${own.checks_warned}`, tone: 'warn' };
  }
  return { text: own?.checks_passed ? `✓ ${own.checks_passed}` : '', tone: '' };
}

export const kindOf = (node: GraphNode): string => (node.type === 'group' ? plural(node.members, 'asset') : node.kind);

/** The whole name, what is wrong, how many rows, when exactly. */
export function hoverText(node: GraphNode, own: NodeStatus | undefined): string {
  const lines = [node.type === 'asset' || node.type === 'external' ? node.key : node.label];
  if (own?.status === 'stale' && own.cause) {
    lines.push(causeLabel(own.cause));
  }
  if (own?.partitions) {
    lines.push(own.partitions.text);
  }
  if (own?.error) {
    lines.push(own.error);
  }
  if (own?.waiting) {
    lines.push(own.waiting);
  }
  if (own?.checks_failed) {
    const blocks = own.checks_blocking ? ', blocking what is below' : '';
    lines.push(`${plural(own.checks_failed, 'check')} failed${blocks}`);
  }
  if (own?.checks_warned) {
    lines.push(`${plural(own.checks_warned, 'check')} failed as a warning`);
  }
  if (own && own.rows !== null) {
    lines.push(plural(own.rows, 'row'));
  }
  if (own?.at) {
    lines.push(exactTime(own.at));
  }
  return lines.join('\n');
}
