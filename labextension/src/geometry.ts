/**
 * Where things are drawn: edge paths through their bends, spread ports, the view on the world, neighbours for
 * the arrow keys. Pure numbers; knows no element. Called by the graph view, the minimap and the list.
 */
import type { Graph, GraphEdge, GraphNode } from './protocol';

export interface Point {
  x: number;
  y: number;
}
export interface Box extends Point {
  w: number;
  h: number;
}
/** The world is drawn at `world * k + (x, y)`. */
export interface View extends Point {
  k: number;
}

export const ZOOM_LEAST = 0.02;
export const ZOOM_MOST = 2;
export const NAMES_ONLY_BELOW = 0.6;
export const BLOCKS_BELOW = 0.3;
const PORT_GAP = 16;
const HEAD_GAP = 3;
const TOP_SPACE = 40;

export const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

export function boundsOf(graph: Graph): Box {
  if (!graph.nodes.length) {
    return { x: 0, y: 0, w: Math.max(1, graph.width), h: Math.max(1, graph.height) };
  }
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of [...graph.nodes, ...graph.groups]) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.w);
    bottom = Math.max(bottom, box.y + box.h);
  }
  return { x: left, y: top, w: right - left, h: bottom - top };
}

/** Show all of `world` within `width` x `height`, never larger than life, centred across and at the top. */
export function fit(world: Box, width: number, height: number, padding = 12): View {
  const room = (size: number) => Math.max(1, size - 2 * padding);
  const k = clamp(Math.min(room(width) / world.w, room(height) / world.h, 1), ZOOM_LEAST, 1);
  const x = Math.max(padding, (width - world.w * k) / 2) - world.x * k;
  const y = clamp((height - world.h * k) / 2, padding, TOP_SPACE) - world.y * k;
  return { k, x, y };
}

/** The same view, `factor` closer, with the world point under (px, py) kept in place. */
export function zoomAt(view: View, factor: number, px: number, py: number): View {
  const k = clamp(view.k * factor, ZOOM_LEAST, ZOOM_MOST);
  const by = k / view.k;
  return { k, x: px - (px - view.x) * by, y: py - (py - view.y) * by };
}

export const seen = (view: View, width: number, height: number): Box => ({
  x: -view.x / view.k,
  y: -view.y / view.k,
  w: width / view.k,
  h: height / view.k
});

export const overlaps = (a: Box, b: Box): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

export const holds = (outer: Box, inner: Box, slack = 1): boolean =>
  inner.x >= outer.x - slack &&
  inner.y >= outer.y - slack &&
  inner.x + inner.w <= outer.x + outer.w + slack &&
  inner.y + inner.h <= outer.y + outer.h + slack;

export const grown = (box: Box, by: number): Box => ({
  x: box.x - by,
  y: box.y - by,
  w: box.w + 2 * by,
  h: box.h + 2 * by
});

/** The view moved as little as possible so that `box` lies inside it, with `margin` pixels around. */
export function reveal(view: View, box: Box, width: number, height: number, margin = 24): View {
  const shift = (low: number, high: number, size: number) => {
    if (high - low > size - 2 * margin || low < margin) {
      return margin - low;
    }
    return high > size - margin ? size - margin - high : 0;
  };
  const [left, top] = [box.x * view.k + view.x, box.y * view.k + view.y];
  return {
    k: view.k,
    x: view.x + shift(left, left + box.w * view.k, width),
    y: view.y + shift(top, top + box.h * view.k, height)
  };
}

/** Where an edge enters its target: offsets 16 px apart so that no two tips meet, within the card. */
export function portOffsets(graph: Graph): Float64Array {
  const down = graph.direction === 'TD';
  const offsets = new Float64Array(graph.edges.length);
  const into = new Map<number, number[]>();
  graph.edges.forEach((edge, i) => {
    const list = into.get(edge.to);
    list ? list.push(i) : into.set(edge.to, [i]);
  });
  for (const [target, list] of into) {
    const side = (i: number) => comesFrom(graph, graph.edges[i], down);
    const node = graph.nodes[target];
    list.sort((a, b) => side(a) - side(b) || a - b);
    const room = (down ? node.w : node.h) - 16;
    const gap = Math.min(PORT_GAP, room / Math.max(1, list.length - 1));
    list.forEach((edge, place) => (offsets[edge] = (place - (list.length - 1) / 2) * gap));
  }
  return offsets;
}

function comesFrom(graph: Graph, edge: GraphEdge, down: boolean): number {
  const last = edge.points.length > 2 ? edge.points[edge.points.length - 2] : null;
  const source = graph.nodes[edge.from];
  if (last) {
    return down ? last[0] : last[1];
  }
  return down ? source.x + source.w / 2 : source.y + source.h / 2;
}

/** Cubic pieces of an edge: start, then (control, control, end) triples, flattened. Ends at the arrow's tip. */
export type Curve = number[];

export function edgeCurve(graph: Graph, edge: GraphEdge, port: number): Curve {
  const down = graph.direction === 'TD';
  const [a, b] = [graph.nodes[edge.from], graph.nodes[edge.to]];
  const start: [number, number] = down ? [a.x + a.w / 2, a.y + a.h] : [a.x + a.w, a.y + a.h / 2];
  const end: [number, number] = down
    ? [b.x + b.w / 2 + port, b.y - HEAD_GAP]
    : [b.x - HEAD_GAP, b.y + b.h / 2 + port * 0.75];
  const stops = [start, ...edge.points.slice(1, -1), end];
  const curve: Curve = [...start];
  for (let i = 1; i < stops.length; i++) {
    curve.push(...piece(stops[i - 1], stops[i], down));
  }
  return curve;
}

function piece([x1, y1]: [number, number], [x2, y2]: [number, number], down: boolean): number[] {
  if (down) {
    const bend = clamp((y2 - y1) / 2, 20, 48);
    return [x1, y1 + bend, x2, y2 - bend, x2, y2];
  }
  const bend = clamp((x2 - x1) / 2, 20, 56);
  return [x1 + bend, y1, x2 - bend, y2, x2, y2];
}

export function curveBox(curve: Curve): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < curve.length; i += 2) {
    left = Math.min(left, curve[i]);
    right = Math.max(right, curve[i]);
    top = Math.min(top, curve[i + 1]);
    bottom = Math.max(bottom, curve[i + 1]);
  }
  return { x: left, y: top, w: right - left, h: bottom - top };
}

const STEPS = 12;

/** Distance from a point to a curve, by sampling: good to a pixel or two, which is what a hover needs. */
export function distanceTo(curve: Curve, px: number, py: number): number {
  let best = Infinity;
  for (let i = 0; i + 7 < curve.length; i += 6) {
    const [x0, y0, x1, y1, x2, y2, x3, y3] = curve.slice(i, i + 8);
    let [fromX, fromY] = [x0, y0];
    for (let step = 1; step <= STEPS; step++) {
      const t = step / STEPS;
      const u = 1 - t;
      const x = u * u * u * x0 + 3 * u * u * t * x1 + 3 * u * t * t * x2 + t * t * t * x3;
      const y = u * u * u * y0 + 3 * u * u * t * y1 + 3 * u * t * t * y2 + t * t * t * y3;
      best = Math.min(best, toSegment(px, py, fromX, fromY, x, y));
      [fromX, fromY] = [x, y];
    }
  }
  return best;
}

function toSegment(px: number, py: number, ax: number, ay: number, bx: number, by: number): number {
  const [dx, dy] = [bx - ax, by - ay];
  const along = clamp(((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return Math.hypot(px - ax - along * dx, py - ay - along * dy);
}

export type Arrow = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';

/** The node an arrow key leads to: along an edge in the direction of flow, to a neighbour within the layer. */
export function neighbour(graph: Graph, from: number, arrow: Arrow): number | null {
  const down = graph.direction === 'TD';
  const back: Arrow = down ? 'ArrowUp' : 'ArrowLeft';
  const forth: Arrow = down ? 'ArrowDown' : 'ArrowRight';
  const node = graph.nodes[from];
  if (arrow === back || arrow === forth) {
    const linked = graph.edges.flatMap(edge =>
      arrow === forth ? (edge.from === from ? [edge.to] : []) : edge.to === from ? [edge.from] : []
    );
    return nearestOf(graph, node, linked);
  }
  const later = arrow === 'ArrowRight' || arrow === 'ArrowDown';
  const place = (other: GraphNode) => (down ? other.x - node.x : other.y - node.y);
  const beside = graph.nodes.flatMap((other, i) =>
    i !== from && other.layer === node.layer && place(other) > 0 === later ? [i] : []
  );
  return nearestOf(graph, node, beside);
}

function nearestOf(graph: Graph, node: GraphNode, candidates: number[]): number | null {
  let best: number | null = null;
  let least = Infinity;
  for (const i of candidates) {
    const far = Math.hypot(graph.nodes[i].x - node.x, graph.nodes[i].y - node.y);
    if (far < least) {
      [best, least] = [i, far];
    }
  }
  return best;
}

/** The way to draw: the person's choice, else top-down below 800 px. */
export function directionFor(width: number, chosen: 'auto' | Graph['direction']): Graph['direction'] {
  if (chosen !== 'auto') {
    return chosen;
  }
  return width < 800 ? 'TD' : 'LR';
}
