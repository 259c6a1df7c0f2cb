/**
 * The graph as rows with arcs in the margin: for narrow places, for very many nodes, for screen readers.
 * Keeps only the rows near the view in the page.
 */
import type { Graph, StatusMap } from '../protocol';
import { arcPath, arcsOf, rowsOf, windowOf } from '../rows';
import type { Row } from '../rows';
import { age, factOf, spokenNode } from '../words';
import { faceOf, hoverText, kindOf } from './cards';
import { h, put, s } from './dom';
import { glyph } from './glyphs';
import type { GraphEvents } from './graph';
import { putOff } from './press';

const ROW = 36;
const DENSE_ROW = 24;
const DENSE_ABOVE = 200;
const MOST_ARCS = 160;
const ARCS_OF_SELECTED_ABOVE = 400;

export class ListView {
  readonly element: HTMLElement;
  private readonly inner = h('div.jk-rows');
  private graph: Graph | null = null;
  private rows: Row[] = [];
  private status: StatusMap = {};
  private matches: Set<string> | null = null;
  private selected: string | null = null;
  private focused: string | null = null;
  private frame = 0;

  constructor(private readonly events: GraphEvents) {
    this.element = h('div.jk-list', { role: 'tree', 'aria-label': 'Assets' }, this.inner);
    this.element.addEventListener('scroll', () => this.redraw());
    this.inner.addEventListener('click', event => this.choose(this.keyOf(event)));
    this.inner.addEventListener('dblclick', event => {
      const key = this.keyOf(event);
      if (key) {
        this.events.open(key);
      }
    });
  }

  private keyOf(event: Event): string | null {
    return (event.target as Element).closest<HTMLElement>('.jk-arow')?.dataset.key ?? null;
  }

  private choose(key: string | null): void {
    const node = this.graph?.nodes.find(one => one.key === key);
    if (node?.type === 'group') {
      this.events.toggleGroup(node.group || node.label);
    } else if (node) {
      this.events.select(node.key);
    }
  }

  setGraph(graph: Graph): void {
    this.graph = graph;
    const dense = graph.nodes.length > DENSE_ABOVE;
    this.element.classList.toggle('jk-dense', dense);
    this.rows = rowsOf(graph, dense ? DENSE_ROW : ROW);
    const last = this.rows[this.rows.length - 1];
    this.inner.style.height = `${last ? last.y + last.h + 4 : 0}px`;
    this.redraw();
  }

  setStatus(status: StatusMap): void {
    this.status = status;
    this.redraw();
  }

  setMatches(matches: Set<string> | null): void {
    this.matches = matches;
    this.redraw();
  }

  setSelected(key: string | null): void {
    this.selected = key;
    this.redraw();
  }

  tick(): void {
    this.redraw();
  }

  resize(): void {
    this.redraw();
  }

  /** The node one row up or down from the focused or selected one. */
  step(by: 1 | -1): void {
    const nodes = this.rows.filter(row => row.node >= 0);
    const at = nodes.findIndex(row => this.graph!.nodes[row.node].key === (this.focused ?? this.selected));
    const next = nodes[Math.min(nodes.length - 1, Math.max(0, at + by))];
    if (next) {
      this.focusRow(next);
    }
  }

  private focusRow(row: Row): void {
    const { scrollTop, clientHeight } = this.element;
    if (row.y < scrollTop || row.y + row.h > scrollTop + clientHeight) {
      this.element.scrollTop = row.y - clientHeight / 2;
    }
    this.focused = this.graph!.nodes[row.node].key;
    this.drawNow();
    this.inner.querySelector<HTMLElement>(`[data-key="${CSS.escape(this.focused)}"]`)?.focus({ preventScroll: true });
  }

  private readonly again = (): void => this.redraw();

  private redraw(): void {
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => this.drawNow());
    }
  }

  private drawNow(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.graph || !this.element.isConnected || !this.element.clientHeight || putOff(this.again)) {
      return;
    }
    const hadFocus = this.inner.contains(document.activeElement) || this.inner.matches(':focus-within');
    const { scrollTop, clientHeight } = this.element;
    const [top, bottom] = [scrollTop - 200, scrollTop + clientHeight + 200];
    const [first, end] = windowOf(this.rows, top, bottom);
    const drawn = this.rows.slice(first, end).map(row => this.rowElement(row));
    put(this.inner, this.arcs(top, bottom), drawn);
    const wanted = this.focused ?? this.selected;
    const stop = drawn.find(one => one.dataset.key === wanted) ?? drawn.find(one => one.dataset.key);
    if (stop) {
      stop.tabIndex = 0;
      if (hadFocus) {
        stop.focus({ preventScroll: true });
      }
    }
  }

  private rowElement(row: Row): HTMLElement {
    const style = `top:${row.y}px;height:${row.h}px`;
    if (row.node < 0) {
      return h('div.jk-ahead', { style }, row.heading);
    }
    const node = this.graph!.nodes[row.node];
    const own = this.status[node.key];
    const now = Date.now();
    const face = faceOf(node, this.status, now);
    const chosen = node.key === this.selected;
    const outside = this.matches !== null && !(node.member_keys ?? [node.key]).some(key => this.matches!.has(key));
    const fact = node.type === 'group' ? `${kindOf(node)}, ${face.text}` : factOf(own, now);
    return h(
      `div.jk-arow.${chosen ? 'jk-on' : ''}.${outside ? 'jk-dim' : ''}`,
      {
        style,
        role: 'treeitem',
        tabindex: -1,
        'data-key': node.key,
        'aria-selected': String(chosen),
        'aria-level': node.layer + 1,
        'aria-label': spokenNode(node, own),
        title: hoverText(node, own)
      },
      h('span'),
      glyph(face.shape),
      h('span.jk-cut.jk-name', null, node.label),
      h(`span.jk-cut.jk-nw.${face.tone ? `jk-t-${face.tone}` : 'jk-mut'}`, null, fact),
      h('span.jk-age', null, own && own.status !== 'running' ? age(own.at, now) : '')
    );
  }

  private arcs(top: number, bottom: number): SVGElement {
    const selected = this.graph!.nodes.findIndex(node => node.key === this.selected);
    const arcs = arcsOf(
      this.graph!,
      this.rows,
      [top, bottom],
      selected,
      this.graph!.nodes.length > ARCS_OF_SELECTED_ABOVE ? 0 : MOST_ARCS
    );
    return s(
      'svg.jk-arcs',
      { 'aria-hidden': 'true' },
      arcs.map(arc => {
        const look = `${arc.inferred ? 'jk-inf' : ''}.${arc.from === selected || arc.to === selected ? 'jk-hot' : ''}`;
        const y = arc.toY - (arc.toY >= arc.fromY ? 4 : -4);
        return [
          s(`path.${look}`, { d: arcPath(arc) }),
          s(`path.jk-head.${look.split('.')[1]}`, { d: `M54 ${y - 3}L58 ${y}L54 ${y + 3}` })
        ];
      })
    );
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
  }
}
