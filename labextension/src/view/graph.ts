/**
 * The graph: group boxes, edges and cards in one pan-and-zoom world. Keeps only the cards near the view in the
 * page; where they would be too small or too many the canvas draws blocks. Owns the view's place, not the data.
 */
import {
  BLOCKS_BELOW,
  NAMES_ONLY_BELOW,
  boundsOf,
  fit,
  grown,
  holds,
  overlaps,
  reveal,
  seen,
  zoomAt
} from '../geometry';
import type { Box, View } from '../geometry';
import type { Graph, GraphNode, StatusMap } from '../protocol';
import { count, isPartly } from '../words';
import { faceOf, hoverText } from './cards';
import { Deck } from './deck';
import { groupBox, showTip } from './boxes';
import { h, put, say } from './dom';
import { takeHands } from './hands';
import { iconButton } from './menu';
import { drawSheet, readColours, Wires } from './ink';
import type { Block, Colours, Emphasis } from './ink';
import { Minimap } from './minimap';

const MOST_CARDS = 180;
const SLOW_DRAW = 14;
const SLOW_PAUSE = 120;
const MARGIN = 160;
const EDGE_REACH = 5;
const REST_AFTER = 110;
const TOOLS_HEIGHT = 30;

export interface GraphEvents {
  select(key: string | null): void;
  open(key: string): void;
  toggleGroup(name: string): void;
}

export class GraphView {
  readonly element: HTMLElement;
  private readonly back = h('div.jk-world.jk-back');
  private readonly deck = new Deck(node => this.isDim(node));
  private readonly front = this.deck.element;
  private readonly sheet = h('canvas.jk-sheet', { 'aria-hidden': 'true' }) as HTMLCanvasElement;
  private readonly probe = h('span.jk-probe', { 'aria-hidden': 'true' });
  private readonly tip = h('div.jk-tip', { hidden: true });
  private readonly rest = h('div.jk-rest', { hidden: true });
  private readonly mini: Minimap;
  private graph: Graph | null = null;
  private wires: Wires | null = null;
  private world: Box = { x: 0, y: 0, w: 1, h: 1 };
  private index = new Map<string, number>();
  private status: StatusMap = {};
  private matches: Set<string> | null = null;
  private selected: string | null = null;
  private hovered = -1;
  private view: View = { k: 1, x: 0, y: 0 };
  private size = { w: 0, h: 0 };
  private moved = false;
  private colours: Colours | null = null;
  private frame = 0;
  private later: ReturnType<typeof setTimeout> | undefined;
  private drawnAt: View = this.view;
  private cost = 0;
  private drawnOn = 0;
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
    Object.assign(this.sheet.style, {
      inset: `${-MARGIN}px`,
      width: `calc(100% + ${2 * MARGIN}px)`,
      height: `calc(100% + ${2 * MARGIN}px)`,
      transformOrigin: `${MARGIN}px ${MARGIN}px`
    });
    this.listen();
  }

  /** Show a graph; the place stays when the same nodes are still there, otherwise it fits. */
  setGraph(graph: Graph): void {
    const same = this.graph !== null && sameFrame(this.graph, graph);
    const held = this.deck.focused;
    this.graph = graph;
    this.wires = new Wires(graph);
    this.world = boundsOf(graph);
    this.index = new Map(graph.nodes.map((node, i) => [node.key, i]));
    this.deck.clear();
    this.hovered = -1;
    put(
      this.back,
      graph.groups.filter(g => !g.collapsed).map(group => groupBox(group, () => this.events.toggleGroup(group.name)))
    );
    const hidden = graph.view.focus ? graph.view.hidden : 0;
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
  }

  setStatus(status: StatusMap): void {
    this.status = status;
    this.tick();
    this.redraw();
  }

  setMatches(matches: Set<string> | null): void {
    this.matches = matches;
    this.deck.dim();
    this.redraw();
  }

  setSelected(key: string | null): void {
    this.selected = key;
    this.deck.select(key);
    this.redraw();
  }

  /** Ages and progress move on though nothing was pushed. */
  tick(): void {
    this.deck.update(this.status);
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
    this.view = fit(this.world, this.size.w || 800, (this.size.h || 400) - TOOLS_HEIGHT);
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
    this.deck.focused = node.key;
    const next = reveal(this.view, node, this.size.w, this.size.h);
    if (next.x !== this.view.x || next.y !== this.view.y) {
      this.moved = true;
      this.view = next;
    }
    this.drawNow();
    this.deck.get(node.key)?.element.focus({ preventScroll: true });
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

  private wordAt = (i: number): Block => {
    const node = this.graph!.nodes[i];
    const own = this.status[node.key];
    return node.type === 'group'
      ? faceOf(node, this.status, 0).word
      : isPartly(own)
        ? 'partly'
        : (own?.status ?? 'never');
  };

  // drawing: at most once a frame. While the hand moves, what was drawn (with a margin) is moved as a picture, and
  // drawn again when it no longer covers the view or the hand rests.

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
    if (!this.gesture || !this.shiftPicture()) {
      this.drawInk();
    }
    this.showMinimap();
  }

  /** Move the drawn picture to the present view; false when it no longer serves. */
  private shiftPicture(): boolean {
    const { k, x, y } = this.drawnAt;
    const by = this.view.k / k;
    const [dx, dy] = [this.view.x - x * by, this.view.y - y * by];
    const reaches = (d: number, size: number) => d <= MARGIN * by && (size + MARGIN) * by + d >= size;
    const serves = by > 0.75 && by < 1.35 && reaches(dx, this.size.w) && reaches(dy, this.size.h);
    if (!serves && (this.cost < SLOW_DRAW || performance.now() - this.drawnOn > SLOW_PAUSE)) {
      return false;
    }
    this.sheet.style.transform = `translate(${dx}px,${dy}px) scale(${by})`;
    return true;
  }

  /** The hand moves; when it rests, everything is drawn well. */
  private startGesture(): void {
    this.gesture = true;
    this.element.classList.add('jk-moving');
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.gesture = false;
      this.element.classList.remove('jk-moving');
      this.redraw();
    }, REST_AFTER);
  }

  private drawInk(): void {
    const began = performance.now();
    const visible = grown(seen(this.view, this.size.w, this.size.h), MARGIN / this.view.k);
    const near = this.graph!.nodes.filter(node => overlaps(node, visible));
    const blocks = this.view.k < BLOCKS_BELOW || near.length > MOST_CARDS;
    this.deck.keep(blocks ? near.filter(node => node.key === this.deck.focused) : near);
    this.front.classList.toggle('jk-far', this.view.k < NAMES_ONLY_BELOW);
    this.front.classList.toggle('jk-blocks', blocks);
    this.back.classList.toggle('jk-far', this.view.k < NAMES_ONLY_BELOW);
    this.paint(visible, blocks);
    this.drawnAt = this.view;
    this.drawnOn = performance.now();
    this.cost = this.drawnOn - began;
  }

  private paint(visible: Box, blocks: boolean): void {
    const context = this.sheet.getContext('2d');
    if (!context) {
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.size.w + 2 * MARGIN, this.size.h + 2 * MARGIN];
    const [w, ht] = [Math.round(width * ratio), Math.round(height * ratio)];
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
    const { k, x, y } = this.view;
    const page = { context, width, height, ratio, view: { k, x: x + MARGIN, y: y + MARGIN }, colours: this.colours };
    drawSheet(page, this.wires!, emphasis, visible, blocks);
  }

  private showMinimap(): void {
    const view = seen(this.view, this.size.w, this.size.h);
    const outside = !holds(view, this.world);
    this.mini.element.hidden = !outside;
    if (outside && this.colours) {
      if (!this.gesture) {
        this.mini.draw(this.graph!, this.world, this.colours, this.wordAt);
      }
      this.mini.show(view);
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

const sameFrame = (a: Graph, b: Graph): boolean =>
  a.direction === b.direction && a.view.focus === b.view.focus && a.view.job === b.view.job;
