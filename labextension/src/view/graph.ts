/**
 * The graph: group boxes, edges and cards in one pan-and-zoom world. Keeps only the cards near the view in the
 * page; where they would be too small or too many the canvas draws blocks. Owns the view's place, not the data.
 */
import { BLOCKS_BELOW, NAMES_ONLY_BELOW, boundsOf, fit, holds, overlaps, reveal, seen, zoomAt } from '../geometry';
import type { Box, View } from '../geometry';
import type { Graph, GraphNode, StatusMap, StatusWord } from '../protocol';
import { count } from '../words';
import { Card, faceOf, hoverText } from './cards';
import { groupBox, showTip } from './boxes';
import { h, put, say } from './dom';
import { takeHands } from './hands';
import { iconButton } from './menu';
import { drawSheet, readColours, Wires } from './ink';
import type { Colours, Emphasis } from './ink';
import { Minimap } from './minimap';

const MOST_CARDS = 400;
const SLOW_DRAW = 14;
const MARGIN = 160;
const EDGE_REACH = 5;
const REST_AFTER = 110;

export interface GraphEvents {
  select(key: string | null): void;
  open(key: string): void;
  toggleGroup(name: string): void;
}

export class GraphView {
  readonly element: HTMLElement;
  private readonly back = h('div.jk-world.jk-back');
  private readonly front = h('div.jk-world.jk-front');
  private readonly sheet = h('canvas.jk-sheet', { 'aria-hidden': 'true' }) as HTMLCanvasElement;
  private readonly probe = h('span.jk-probe', { 'aria-hidden': 'true' });
  private readonly tip = h('div.jk-tip', { hidden: true });
  private readonly rest = h('div.jk-rest', { hidden: true });
  private readonly mini: Minimap;
  private readonly cards = new Map<string, Card>();
  private graph: Graph | null = null;
  private wires: Wires | null = null;
  private world: Box = { x: 0, y: 0, w: 1, h: 1 };
  private index = new Map<string, number>();
  private status: StatusMap = {};
  private matches: Set<string> | null = null;
  private selected: string | null = null;
  private focused: string | null = null;
  private hovered = -1;
  private view: View = { k: 1, x: 0, y: 0 };
  private size = { w: 0, h: 0 };
  private moved = false;
  private colours: Colours | null = null;
  private frame = 0;
  private later: ReturnType<typeof setTimeout> | undefined;
  private drawnAt: View = this.view;
  private cost = 0;
  private gesture = false;

  constructor(private readonly events: GraphEvents) {
    this.mini = new Minimap((x, y) => this.centre(x, y));
    const zoom = h(
      'div.jk-float',
      null,
      iconButton('minus', 'Zoom out (−)', () => this.zoom(1 / 1.25), 'sm'),
      iconButton('plus', 'Zoom in (+)', () => this.zoom(1.25), 'sm'),
      iconButton('fit', 'Fit (F)', () => this.fit(), 'sm')
    );
    const parts = [this.back, this.sheet, this.front, this.rest, this.mini.element, zoom, this.tip, this.probe];
    this.element = h('div.jk-canvas', { role: 'tree', 'aria-label': 'Graph' }, parts);
    this.listen();
  }

  /** Show a graph; the place stays when the same nodes are still there, otherwise it fits. */
  setGraph(graph: Graph): void {
    const same = this.graph !== null && sameFrame(this.graph, graph);
    const held = this.front.matches(':focus-within') ? this.focused : null;
    this.graph = graph;
    this.wires = new Wires(graph);
    this.world = boundsOf(graph);
    this.index = new Map(graph.nodes.map((node, i) => [node.key, i]));
    this.front.replaceChildren();
    this.cards.clear();
    this.hovered = -1;
    put(
      this.back,
      graph.groups.filter(g => !g.collapsed).map(group => groupBox(group, () => this.events.toggleGroup(group.name)))
    );
    const hidden = graph.view.hidden;
    this.rest.hidden = !hidden;
    say(this.rest, hidden ? `${count(hidden)} more, not linked to this one` : '');
    if (!same || !this.moved) {
      this.fit();
    }
    held && this.index.has(held) ? this.focusNode(this.indexOf(held)) : this.redraw();
  }

  private listen(): void {
    takeHands(this.element, {
      view: () => this.view,
      outside: () => [this.world, seen(this.view, this.size.w, this.size.h)],
      moveTo: view => this.moveTo(view),
      gesture: () => this.startGesture(),
      hover: event => this.hover(event),
      click: event => this.click(event),
      doubleClick: event => {
        const key = this.keyAt(event);
        if (key) {
          this.events.open(key);
        }
      }
    });
    this.front.addEventListener('focusin', event => {
      this.focused = (event.target as HTMLElement).closest<HTMLElement>('.jk-card')?.dataset.key ?? null;
      this.offerFocus();
    });
    this.front.addEventListener('focusout', () => (this.focused = null));
  }

  setStatus(status: StatusMap): void {
    this.status = status;
    this.tick();
    this.redraw();
  }

  setMatches(matches: Set<string> | null): void {
    this.matches = matches;
    for (const card of this.cards.values()) {
      card.mark('jk-dim', this.isDim(card.node));
    }
    this.redraw();
  }

  setSelected(key: string | null): void {
    this.selected = key;
    for (const card of this.cards.values()) {
      card.mark('jk-sel', card.node.key === key);
    }
    this.redraw();
  }

  /** Ages and progress move on though nothing was pushed. */
  tick(): void {
    const now = Date.now();
    for (const card of this.cards.values()) {
      card.update(this.status, now);
    }
  }

  /** The element's size changed. */
  resize(): void {
    const [w, ht] = [this.element.clientWidth, this.element.clientHeight];
    if (!w || !ht || (w === this.size.w && ht === this.size.h)) {
      return;
    }
    this.size = { w, h: ht };
    if (!this.moved) {
      this.fit();
    }
    this.revealSelected();
    this.redraw();
  }

  themeChanged(): void {
    this.colours = null;
    this.redraw();
  }

  fit(): void {
    this.moved = false;
    this.view = fit(this.world, this.size.w || 800, this.size.h || 400);
    this.redraw();
  }

  zoom(factor: number): void {
    this.moveTo(zoomAt(this.view, factor, this.size.w / 2, this.size.h / 2));
  }

  /** Bring a node into view and give it the keyboard. */
  focusNode(index: number): void {
    const node = this.graph?.nodes[index];
    if (!node) {
      return;
    }
    this.focused = node.key;
    const next = reveal(this.view, node, this.size.w, this.size.h);
    if (next.x !== this.view.x || next.y !== this.view.y) {
      this.moved = true;
      this.view = next;
    }
    this.drawNow();
    this.cards.get(node.key)?.element.focus({ preventScroll: true });
  }

  indexOf(key: string | null): number {
    return key === null ? -1 : (this.index.get(key) ?? -1);
  }

  private revealSelected(): void {
    const node = this.graph?.nodes[this.indexOf(this.selected)];
    if (node && this.moved) {
      this.view = reveal(this.view, node, this.size.w, this.size.h);
    }
  }

  private centre(x: number, y: number): void {
    const { k } = this.view;
    this.moveTo({ k, x: this.size.w / 2 - x * k, y: this.size.h / 2 - y * k });
  }

  private moveTo(view: View): void {
    this.moved = true;
    this.view = view;
    this.redraw();
  }

  private isDim(node: GraphNode): boolean {
    if (!this.matches) {
      return false;
    }
    return node.member_keys ? !node.member_keys.some(key => this.matches!.has(key)) : !this.matches.has(node.key);
  }

  private wordAt = (i: number): StatusWord => {
    const node = this.graph!.nodes[i];
    return node.type === 'group' ? faceOf(node, this.status, 0).word : (this.status[node.key]?.status ?? 'never');
  };

  // drawing: at most once a frame; a slow canvas is moved as a picture while the hand moves, and redrawn after

  private redraw(): void {
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => this.drawNow());
    }
  }

  private drawNow(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.graph || !this.wires || !this.size.w) {
      return;
    }
    const { k, x, y } = this.view;
    this.back.style.transform = this.front.style.transform = `translate(${x}px,${y}px) scale(${k})`;
    if (this.gesture && this.cost > SLOW_DRAW) {
      this.shiftPicture();
    } else {
      this.drawInk();
    }
    this.drawMinimap();
  }

  private shiftPicture(): void {
    const by = this.view.k / this.drawnAt.k;
    const [dx, dy] = [this.view.x - this.drawnAt.x * by, this.view.y - this.drawnAt.y * by];
    this.sheet.style.transform = `translate(${dx}px,${dy}px) scale(${by})`;
  }

  /** The hand moves; when it rests, everything is drawn well. */
  private startGesture(): void {
    this.gesture = true;
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.gesture = false;
      this.redraw();
    }, REST_AFTER);
  }

  private drawInk(): void {
    const began = performance.now();
    const visible = grow(seen(this.view, this.size.w, this.size.h), MARGIN / this.view.k);
    const near = this.graph!.nodes.flatMap((node, i) => (overlaps(node, visible) ? [i] : []));
    const blocks = this.view.k < BLOCKS_BELOW || near.length > MOST_CARDS;
    this.keepCards(blocks ? near.filter(i => this.graph!.nodes[i].key === this.focused) : near);
    this.front.classList.toggle('jk-far', this.view.k < NAMES_ONLY_BELOW);
    this.front.classList.toggle('jk-blocks', blocks);
    this.back.classList.toggle('jk-far', this.view.k < NAMES_ONLY_BELOW);
    this.paint(visible, blocks);
    this.drawnAt = this.view;
    this.cost = performance.now() - began;
  }

  private paint(visible: Box, blocks: boolean): void {
    const context = this.sheet.getContext('2d');
    if (!context) {
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    const [w, ht] = [Math.round(this.size.w * ratio), Math.round(this.size.h * ratio)];
    if (this.sheet.width !== w || this.sheet.height !== ht) {
      Object.assign(this.sheet, { width: w, height: ht });
    }
    this.sheet.style.transform = '';
    this.colours ??= readColours(this.probe);
    const dimmed = this.matches ? this.graph!.nodes.map(node => this.isDim(node)) : null;
    const emphasis: Emphasis = {
      selected: this.indexOf(this.selected),
      hovered: this.hovered,
      dim: i => dimmed !== null && dimmed[i],
      word: this.wordAt
    };
    const page = { context, width: this.size.w, height: this.size.h, ratio, view: this.view, colours: this.colours };
    drawSheet(page, this.wires!, emphasis, visible, blocks);
  }

  private keepCards(near: number[]): void {
    const wanted = new Set(near.map(i => this.graph!.nodes[i].key));
    for (const [key, card] of this.cards) {
      if (!wanted.has(key) && key !== this.focused) {
        card.element.remove();
        this.cards.delete(key);
      }
    }
    const fresh: HTMLElement[] = [];
    const now = Date.now();
    for (const i of near) {
      if (!this.cards.has(this.graph!.nodes[i].key)) {
        fresh.push(this.makeCard(i, now).element);
      }
    }
    this.front.append(...fresh);
    this.offerFocus();
  }

  private makeCard(i: number, now: number): Card {
    const card = new Card(this.graph!.nodes[i], i);
    card.update(this.status, now);
    card.mark('jk-sel', card.node.key === this.selected);
    card.mark('jk-dim', this.isDim(card.node));
    this.cards.set(card.node.key, card);
    return card;
  }

  /** Exactly one card takes part in the page's tab order. */
  private offerFocus(): void {
    const held = this.focused ?? this.selected;
    const stop = (held && this.cards.get(held)) || this.cards.values().next().value;
    for (const card of this.cards.values()) {
      card.element.tabIndex = card === stop ? 0 : -1;
    }
  }

  private drawMinimap(): void {
    const view = seen(this.view, this.size.w, this.size.h);
    const outside = !holds(view, this.world);
    this.mini.element.hidden = !outside;
    if (outside && this.colours && !(this.gesture && this.graph!.nodes.length > 2000)) {
      this.mini.draw(this.graph!, this.world, view, this.colours, this.wordAt);
    }
  }

  // what the hands ask

  private keyAt(event: MouseEvent): string | null {
    const card = (event.target as Element).closest<HTMLElement>('.jk-card');
    return card?.dataset.key ?? this.graph?.nodes[this.blockAt(event)]?.key ?? null;
  }

  private toWorld(event: MouseEvent): [number, number] {
    const at = this.element.getBoundingClientRect();
    const { k, x, y } = this.view;
    return [(event.clientX - at.left - x) / k, (event.clientY - at.top - y) / k];
  }

  private blockAt(event: MouseEvent): number {
    const [x, y] = this.toWorld(event);
    const blocks = this.front.classList.contains('jk-blocks');
    return blocks ? this.graph!.nodes.findIndex(node => overlaps(node, { x, y, w: 0.1, h: 0.1 })) : -1;
  }

  private click(event: MouseEvent): void {
    const key = this.keyAt(event);
    const node = key === null ? null : this.graph!.nodes[this.indexOf(key)];
    if (node?.type === 'group') {
      this.events.toggleGroup(node.group || node.label);
    } else {
      this.events.select(key);
    }
  }

  private hover(event: PointerEvent | null): void {
    const free = event && this.graph && this.wires && !(event.target as Element).closest('.jk-card, button');
    const node = free ? this.graph!.nodes[this.blockAt(event)] : undefined;
    this.element.title = node ? hoverText(node, this.status[node.key]) : '';
    const near = free && !node && this.view.k >= BLOCKS_BELOW;
    const edge = near ? this.wires!.at(...this.toWorld(event), EDGE_REACH / this.view.k) : -1;
    if (edge !== this.hovered) {
      this.hovered = edge;
      this.redraw();
    }
    const at = this.element.getBoundingClientRect();
    showTip(this.tip, this.graph, edge, (event?.clientX ?? 0) - at.left, (event?.clientY ?? 0) - at.top);
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.later);
  }
}

const grow = (box: Box, by: number): Box => ({ x: box.x - by, y: box.y - by, w: box.w + 2 * by, h: box.h + 2 * by });

const sameFrame = (a: Graph, b: Graph): boolean =>
  a.direction === b.direction && a.view.focus === b.view.focus && a.view.job === b.view.job;
