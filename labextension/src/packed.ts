/**
 * Graphs as the kernel sends them, in columns, made into nodes and edges. Pure; called once for each that arrives.
 */
import type { Direction, Graph, GraphEdge, GraphNode, Numbers, PackedGraph, PackedNodes } from './protocol';

/** Whole numbers of a packed graph to a pixel. */
export const UNIT = 4;

type Column<T> = T[] | { words: T[]; at: number[] } | { most: T | null; but: Record<string, T> };

/** The values of a column, one for each row. */
export function valuesOf<T>(column: Column<T>, count: number): T[] {
  if (Array.isArray(column)) {
    return column;
  }
  if ('words' in column) {
    return column.at.map(place => column.words[place]);
  }
  const found = new Array<T>(count).fill(column.most as T);
  for (const row of Object.keys(column.but)) {
    found[Number(row)] = column.but[row];
  }
  return found;
}

/** The numbers of a column, one for each row. */
export function numbersOf(column: Numbers, count: number): ArrayLike<number> {
  if ('i16' in column) {
    return new Int16Array(bytesOf(column.i16));
  }
  return 'i32' in column ? new Int32Array(bytesOf(column.i32)) : valuesOf(column, count);
}

const bytesOf = (text: string): ArrayBuffer => Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer;

export function unpacked(packed: PackedGraph): Graph {
  const nodes = nodesOf(packed.nodes);
  return { ...packed, nodes, edges: edgesOf(packed, nodes) };
}

function nodesOf(packed: PackedNodes): GraphNode[] {
  const numbers = (name: 'x' | 'y' | 'w' | 'h' | 'layer' | 'index' | 'checks') => numbersOf(packed[name], packed.count);
  const [xs, ys, ws, hs] = [numbers('x'), numbers('y'), numbers('w'), numbers('h')];
  const [layers, indexes, checks] = [numbers('layer'), numbers('index'), numbers('checks')];
  const [types, kinds] = [valuesOf(packed.type, packed.count), valuesOf(packed.kind, packed.count)];
  const groups = valuesOf(packed.group, packed.count);
  const sizes = new Map<number, number>();
  for (let i = 0; i < packed.count; i++) {
    sizes.set(layers[i], (sizes.get(layers[i]) ?? 0) + 1);
  }
  return packed.key.map((key, i) => ({
    key,
    label: packed.label[i] ?? lastPart(key),
    x: xs[i] / UNIT,
    y: ys[i] / UNIT,
    w: ws[i] / UNIT,
    h: hs[i] / UNIT,
    type: types[i] as GraphNode['type'],
    kind: kinds[i],
    group: groups[i],
    layer: layers[i],
    index: indexes[i],
    layer_size: sizes.get(layers[i]) ?? 1,
    members: packed.member_keys[i]?.length ?? 0,
    checks: checks[i],
    member_keys: packed.member_keys[i]
  }));
}

const lastPart = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

function edgesOf({ edges: packed, direction }: PackedGraph, nodes: GraphNode[]): GraphEdge[] {
  const inferred = valuesOf(packed.inferred, packed.count);
  const numbers = (name: 'from' | 'to' | 'leaves' | 'arrives' | 'bends') => numbersOf(packed[name], packed.count);
  const [froms, tos, bends] = [numbers('from'), numbers('to'), numbers('bends')];
  const [leaves, arrives] = [numbers('leaves'), numbers('arrives')];
  const bent = numbersOf(packed.points, 2 * Array.from(bends).reduce((sum, n) => sum + n, 0));
  let at = 0;
  return inferred.map((isInferred, i) => {
    const [from, to] = [froms[i], tos[i]];
    const points = [port(nodes[from], leaves[i] / UNIT, direction, 1)];
    for (let n = 0; n < bends[i]; n++, at += 2) {
      points.push([bent[at] / UNIT, bent[at + 1] / UNIT]);
    }
    points.push(port(nodes[to], arrives[i] / UNIT, direction, 0));
    return { from, to, inferred: isInferred, names: packed.names[i] ?? [nodes[from].label], points };
  });
}

/** Where an edge meets a node: so far off the middle of the side where it leaves (1) or arrives (0). */
const port = (node: GraphNode, offset: number, direction: Direction, side: 0 | 1): [number, number] =>
  direction === 'LR'
    ? [node.x + side * node.w, node.y + node.h / 2 + offset]
    : [node.x + node.w / 2 + offset, node.y + side * node.h];
