/**
 * What is drawn on the canvas between group boxes and cards: edges always, and coloured blocks in place of cards
 * where cards would be too small or too many. Pure drawing; knows nothing of clicks. Called by the graph view.
 */
import { BLOCKS_BELOW, curveBox, distanceTo, edgeCurve, overlaps, portOffsets } from '../geometry';
import type { Box, Curve, View } from '../geometry';
import type { Graph, StatusWord } from '../protocol';

export interface Colours {
  edge: string;
  accent: string;
  bg: string;
  ok: string;
  fail: string;
  warn: string;
  run: string;
  idle: string;
}
const COLOUR_OF: Record<keyof Colours, string> = {
  edge: '--jk-wire',
  accent: '--jk-accent',
  bg: '--jk-bg',
  ok: '--jk-ok-soft',
  fail: '--jk-fail',
  warn: '--jk-warn',
  run: '--jk-run',
  idle: '--jk-ink2'
};

/** Read the theme's colours as the browser resolves them now. */
export function readColours(probe: HTMLElement): Colours {
  const colours = {} as Colours;
  for (const name of Object.keys(COLOUR_OF) as (keyof Colours)[]) {
    probe.style.color = `var(${COLOUR_OF[name]})`;
    colours[name] = getComputedStyle(probe).color;
  }
  return colours;
}

/** Curves and their boxes, computed once per graph. */
export class Wires {
  readonly curves: Curve[];
  readonly boxes: Box[];
  private whole: { plain: Path2D; inferred: Path2D } | null = null;

  constructor(readonly graph: Graph) {
    const ports = portOffsets(graph);
    this.curves = graph.edges.map((edge, i) => edgeCurve(graph, edge, ports[i]));
    this.boxes = this.curves.map(curveBox);
  }

  /** The edge within `reach` of a point, or -1. */
  at(x: number, y: number, reach: number): number {
    const spot = { x: x - reach, y: y - reach, w: 2 * reach, h: 2 * reach };
    return this.curves.findIndex((curve, i) => overlaps(this.boxes[i], spot) && distanceTo(curve, x, y) <= reach);
  }

  /** All edges as two paths, for a zoomed-out view. */
  all(): { plain: Path2D; inferred: Path2D } {
    if (!this.whole) {
      this.whole = { plain: new Path2D(), inferred: new Path2D() };
      this.graph.edges.forEach((edge, i) => {
        const path = edge.inferred ? this.whole!.inferred : this.whole!.plain;
        straight(path, this.curves[i]);
      });
    }
    return this.whole;
  }
}

function trace(path: Path2D, curve: Curve): void {
  path.moveTo(curve[0], curve[1]);
  for (let i = 2; i + 5 < curve.length; i += 6) {
    path.bezierCurveTo(curve[i], curve[i + 1], curve[i + 2], curve[i + 3], curve[i + 4], curve[i + 5]);
  }
}

function straight(path: Path2D, curve: Curve): void {
  path.moveTo(curve[0], curve[1]);
  for (let i = 2; i + 5 < curve.length; i += 6) {
    path.lineTo(curve[i + 4], curve[i + 5]);
  }
}

function head(path: Path2D, curve: Curve, down: boolean): void {
  const [x, y] = [curve[curve.length - 2], curve[curve.length - 1] + (down ? 1 : 0)];
  const tip = down ? x : x + 1;
  if (down) {
    path.moveTo(x - 3.5, y - 4.5);
    path.lineTo(tip, y);
    path.lineTo(x + 3.5, y - 4.5);
  } else {
    path.moveTo(tip - 4.5, y - 3.5);
    path.lineTo(tip, y);
    path.lineTo(tip - 4.5, y + 3.5);
  }
}

/** How a node is drawn as a block. */
export type Block = StatusWord | 'partly';

export interface Emphasis {
  /** Index of the selected node, or -1. */
  selected: number;
  /** Index of the hovered edge, or -1. */
  hovered: number;
  dim: (node: number) => boolean;
  word: (node: number) => Block;
}

export interface Sheet {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  ratio: number;
  view: View;
  colours: Colours;
}

type Layer = { solid: Path2D; dashed: Path2D; heads: Path2D };
const layer = (): Layer => ({ solid: new Path2D(), dashed: new Path2D(), heads: new Path2D() });

/** Draw edges (and blocks when `blocks`) for what `visible` shows. */
export function drawSheet(sheet: Sheet, wires: Wires, emphasis: Emphasis, visible: Box, blocks: boolean): void {
  const { context: c, ratio, view } = sheet;
  c.setTransform(1, 0, 0, 1, 0, 0);
  c.clearRect(0, 0, sheet.width * ratio, sheet.height * ratio);
  c.setTransform(ratio * view.k, 0, 0, ratio * view.k, ratio * view.x, ratio * view.y);
  c.lineCap = 'round';
  c.lineJoin = 'round';
  if (view.k < BLOCKS_BELOW) {
    drawFar(sheet, wires, emphasis);
  } else {
    drawNear(sheet, wires, emphasis, visible);
  }
  if (blocks) {
    drawBlocks(sheet, wires.graph, emphasis, visible);
  }
}

function drawFar({ context: c, view, colours }: Sheet, wires: Wires, emphasis: Emphasis): void {
  const all = wires.all();
  c.lineWidth = Math.min(1.25, 0.5 + view.k * 2) / view.k;
  c.strokeStyle = colours.edge;
  c.globalAlpha = wires.graph.edges.length > 2000 ? 0.35 : 0.7;
  c.stroke(all.plain);
  c.stroke(all.inferred);
  c.globalAlpha = 1;
  const hot = new Path2D();
  wires.graph.edges.forEach((edge, i) => isHot(edge, i, emphasis) && straight(hot, wires.curves[i]));
  c.strokeStyle = colours.accent;
  c.lineWidth = 1.75 / view.k;
  c.stroke(hot);
}

const isHot = (edge: { from: number; to: number }, i: number, e: Emphasis): boolean =>
  edge.from === e.selected || edge.to === e.selected || i === e.hovered;

function drawNear(sheet: Sheet, wires: Wires, emphasis: Emphasis, visible: Box): void {
  const [plain, dim, hot] = [layer(), layer(), layer()];
  const { edges, direction } = wires.graph;
  edges.forEach((edge, i) => {
    if (!overlaps(wires.boxes[i], visible)) {
      return;
    }
    const faded = emphasis.dim(edge.from) || emphasis.dim(edge.to);
    const into = isHot(edge, i, emphasis) ? hot : faded ? dim : plain;
    trace(edge.inferred ? into.dashed : into.solid, wires.curves[i]);
    head(into.heads, wires.curves[i], direction === 'TD');
  });
  stroke(sheet, dim, sheet.colours.edge, 1.25, 0.42);
  stroke(sheet, plain, sheet.colours.edge, 1.25, 1);
  stroke(sheet, hot, sheet.colours.accent, 1.75, 1);
}

function stroke({ context: c }: Sheet, paths: Layer, colour: string, width: number, alpha: number): void {
  c.strokeStyle = colour;
  c.lineWidth = width;
  c.globalAlpha = alpha;
  c.stroke(paths.solid);
  c.stroke(paths.heads);
  c.lineCap = 'butt';
  c.setLineDash([4, 3]);
  c.stroke(paths.dashed);
  c.setLineDash([]);
  c.lineCap = 'round';
  c.globalAlpha = 1;
}

const FILL: Record<Block, keyof Colours | null> = {
  fresh: 'ok',
  failed: 'fail',
  stale: 'warn',
  running: 'run',
  partly: null,
  never: null,
  queued: null,
  canceled: null,
  skipped: null
};
/** The white mark on a block: the same shapes as the glyphs, on a 16 px box. */
const MARK: Partial<Record<Block, string>> = {
  fresh: 'M4.8 8.3l2.2 2.2 4.2-4.6',
  failed: 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  running: 'M8 2.5a5.5 5.5 0 1 0 5.5 5.5',
  queued: 'M8 4v4l2.6 1.8',
  canceled: 'M3.8 12.2l8.4-8.4',
  skipped: 'M3.5 8h9'
};
const HALF = 'M8 2.5a5.5 5.5 0 0 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11';

function drawBlocks(sheet: Sheet, graph: Graph, emphasis: Emphasis, visible: Box): void {
  const { context: c, view, colours } = sheet;
  const marks = view.k * 56 >= 9;
  graph.nodes.forEach((node, i) => {
    if (!overlaps(node, visible)) {
      return;
    }
    const word = emphasis.word(i);
    const fill = FILL[word];
    c.globalAlpha = emphasis.dim(i) ? 0.42 : 1;
    c.fillStyle = fill ? colours[fill] : colours.bg;
    c.strokeStyle = colours.idle;
    c.lineWidth = 1 / view.k;
    c.fillRect(node.x, node.y, node.w, node.h);
    if (word === 'partly') {
      c.fillStyle = colours.ok;
      c.fillRect(node.x, node.y + node.h / 2, node.w, node.h / 2);
    }
    if (!fill) {
      c.strokeRect(node.x, node.y, node.w, node.h);
    }
    if (marks) {
      drawMark(c, node, word, fill ? colours.bg : colours.idle);
    }
  });
  c.globalAlpha = 1;
  outline(sheet, graph, emphasis.selected);
}

function drawMark(c: CanvasRenderingContext2D, node: Box, word: Block, colour: string): void {
  const size = Math.min(node.h, node.w) * 0.75;
  const d = word === 'stale' ? HALF : MARK[word];
  if (!d) {
    return;
  }
  c.save();
  c.translate(node.x + node.w / 2 - size / 2, node.y + node.h / 2 - size / 2);
  c.scale(size / 16, size / 16);
  c.strokeStyle = c.fillStyle = colour;
  c.lineWidth = 2;
  const path = new Path2D(d);
  c.stroke(path);
  if (word === 'stale') {
    c.fill(new Path2D('M8 2.5a5.5 5.5 0 0 0 0 11z'));
  }
  c.restore();
}

function outline({ context: c, view, colours }: Sheet, graph: Graph, selected: number): void {
  const node = graph.nodes[selected];
  if (node) {
    c.strokeStyle = colours.accent;
    c.lineWidth = 3 / view.k;
    c.strokeRect(node.x - 2 / view.k, node.y - 2 / view.k, node.w + 4 / view.k, node.h + 4 / view.k);
  }
}
