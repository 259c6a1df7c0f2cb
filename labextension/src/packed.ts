/**
 * Graphs as the kernel sends them, in columns, made into nodes and edges. Pure; called once for each that arrives.
 */
import type { Graph, GraphEdge, GraphNode, PackedEdges, PackedGraph, PackedNodes } from './protocol';

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

export function unpacked(packed: PackedGraph): Graph {
  const nodes = nodesOf(packed.nodes);
  return { ...packed, nodes, edges: edgesOf(packed.edges, nodes) };
}

function nodesOf(packed: PackedNodes): GraphNode[] {
  const numbers = (name: 'x' | 'y' | 'w' | 'h' | 'layer' | 'index' | 'checks') => valuesOf(packed[name], packed.count);
  const [xs, ys, ws, hs] = [numbers('x'), numbers('y'), numbers('w'), numbers('h')];
  const [layers, indexes, checks] = [numbers('layer'), numbers('index'), numbers('checks')];
  const [types, kinds] = [valuesOf(packed.type, packed.count), valuesOf(packed.kind, packed.count)];
  const groups = valuesOf(packed.group, packed.count);
  const sizes = new Map<number, number>();
  layers.forEach(layer => sizes.set(layer, (sizes.get(layer) ?? 0) + 1));
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

function edgesOf(packed: PackedEdges, nodes: GraphNode[]): GraphEdge[] {
  const inferred = valuesOf(packed.inferred, packed.count);
  const bends = valuesOf(packed.bends, packed.count);
  let at = 0;
  return packed.from.map((from, i) => {
    const points: [number, number][] = [];
    for (let n = 0; n < bends[i]; n++, at += 2) {
      points.push([packed.points[at] / UNIT, packed.points[at + 1] / UNIT]);
    }
    return { from, to: packed.to[i], inferred: inferred[i], names: packed.names[i] ?? [nodes[from].label], points };
  });
}
