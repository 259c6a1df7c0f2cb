/**
 * The cards now in the page: makes those that come into view, drops those that leave, keeps exactly one in the
 * tab order. Knows cards and the element they lie in; which are near is the graph view's matter.
 */
import type { GraphNode, StatusMap } from '../protocol';
import { Card } from './cards';
import { h } from './dom';

export class Deck {
  readonly element = h('div.jk-world.jk-front');
  focused: string | null = null;
  private readonly cards = new Map<string, Card>();
  private status: StatusMap = {};
  private selected: string | null = null;

  constructor(private readonly isDim: (node: GraphNode) => boolean) {
    this.element.addEventListener('focusin', event => {
      this.focused = (event.target as HTMLElement).closest<HTMLElement>('.jk-card')?.dataset.key ?? null;
      this.offerFocus();
    });
    this.element.addEventListener('focusout', () => (this.focused = null));
  }

  clear(): void {
    this.element.replaceChildren();
    this.cards.clear();
  }

  get(key: string): Card | undefined {
    return this.cards.get(key);
  }

  /** Have exactly these nodes' cards in the page, and the one with the keyboard. */
  keep(near: GraphNode[]): void {
    const wanted = new Set(near.map(node => node.key));
    for (const [key, card] of this.cards) {
      if (!wanted.has(key) && key !== this.focused) {
        card.element.remove();
        this.cards.delete(key);
      }
    }
    const now = Date.now();
    const missing = near.filter(node => !this.cards.has(node.key));
    this.element.append(...missing.map(node => this.make(node, now).element));
    this.offerFocus();
  }

  private make(node: GraphNode, now: number): Card {
    const card = new Card(node);
    card.update(this.status, now);
    card.mark('jk-sel', node.key === this.selected);
    card.mark('jk-dim', this.isDim(node));
    this.cards.set(node.key, card);
    return card;
  }

  update(status: StatusMap): void {
    this.status = status;
    const now = Date.now();
    this.cards.forEach(card => card.update(status, now));
  }

  select(key: string | null): void {
    this.selected = key;
    this.cards.forEach(card => card.mark('jk-sel', card.node.key === key));
  }

  dim(): void {
    this.cards.forEach(card => card.mark('jk-dim', this.isDim(card.node)));
  }

  private offerFocus(): void {
    const held = this.focused ?? this.selected;
    const stop = (held && this.cards.get(held)) || this.cards.values().next().value;
    for (const card of this.cards.values()) {
      card.element.tabIndex = card === stop ? 0 : -1;
    }
  }
}
