/**
 * The graph as a list: groups as headings, assets in the order they flow, arcs between them in the margin.
 * Pure; called by the list view.
 */
import type { Graph } from './protocol';

export interface Row {
  y: number;
  h: number;
  heading: string | null;
  /** Index of the node, or -1 for a heading. */
  node: number;
}
export interface Arc {
  from: number;
  to: number;
  inferred: boolean;
  fromY: number;
  toY: number;
  /** The lane's x; far arcs run further left. */
  x: number;
}

const HEADING = 24;
const TOP = 4;

/** Rows from top to bottom with their places; `rowHeight` per node. */
export function rowsOf(graph: Graph, rowHeight: number): Row[] {
  const groups = new Map<string, number[]>();
  const order = graph.nodes.map((_, i) => i).sort((a, b) => byFlow(graph, a, b));
  for (const i of order) {
    const node = graph.nodes[i];
    const name = node.type === 'group' ? '' : node.group;
    const list = groups.get(name);
    list ? list.push(i) : groups.set(name, [i]);
  }
  const rows: Row[] = [];
  let y = TOP;
  for (const [name, members] of groups) {
    if (name && groups.size > 1) {
      rows.push({ y, h: HEADING, heading: name, node: -1 });
      y += HEADING;
    }
    for (const node of members) {
      rows.push({ y, h: rowHeight, heading: null, node });
      y += rowHeight;
    }
  }
  return rows;
}

function byFlow(graph: Graph, a: number, b: number): number {
  const [x, y] = [graph.nodes[a], graph.nodes[b]];
  return x.layer - y.layer || x.index - y.index || a - b;
}

/** First and one past last row that lie in [top, bottom). */
export function windowOf(rows: Row[], top: number, bottom: number): [number, number] {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    rows[mid].y + rows[mid].h <= top ? (low = mid + 1) : (high = mid);
  }
  let end = low;
  while (end < rows.length && rows[end].y < bottom) {
    end++;
  }
  return [low, end];
}

/** Arcs that touch [top, bottom); where they are more than `limit`, only the selected node's. */
export function arcsOf(
  graph: Graph,
  rows: Row[],
  [top, bottom]: [number, number],
  selected: number,
  limit: number
): Arc[] {
  const middle = new Map(rows.filter(row => row.node >= 0).map(row => [row.node, row.y + row.h / 2]));
  const arcs: Arc[] = [];
  for (const edge of graph.edges) {
    const [fromY, toY] = [middle.get(edge.from) ?? 0, middle.get(edge.to) ?? 0];
    if (Math.max(fromY, toY) >= top && Math.min(fromY, toY) <= bottom) {
      const x = 56 - Math.min(46, 8 + Math.abs(toY - fromY) * 0.14);
      arcs.push({ from: edge.from, to: edge.to, inferred: edge.inferred, fromY, toY, x });
    }
  }
  const hot = (arc: Arc) => Number(arc.from === selected || arc.to === selected);
  const chosen = arcs.length > limit ? arcs.filter(hot) : arcs;
  return chosen.sort((a, b) => hot(a) - hot(b));
}

/** The arc as an SVG path, leaving a little below the middle of its row and entering a little above. */
export function arcPath({ fromY, toY, x }: Arc): string {
  const way = toY >= fromY ? 1 : -1;
  const [y1, y2] = [fromY + 4 * way, toY - 4 * way];
  const r = Math.max(0, Math.min(8, 56 - x, Math.abs(y2 - y1) / 2));
  return `M58 ${y1}H${x + r}Q${x} ${y1} ${x} ${y1 + r * way}V${y2 - r * way}Q${x} ${y2} ${x + r} ${y2}H58`;
}
