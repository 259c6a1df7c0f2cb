/** Places for made-up graphs on the development page: longest path, one sweep each way, dummies as bends. */
import type { Direction, Graph, GraphEdge, GraphNode } from '../src/protocol';

const [W, H, GAP, LAYERS] = [152, 56, 16, 64];

export interface Plain {
  nodes: GraphNode[];
  links: [number, number, boolean][];
}

export function place({ nodes, links }: Plain, direction: Direction, view: Partial<Graph['view']> = {}): Graph {
  const layer = layers(nodes.length, links);
  const chains = links.map(([a, b]) => {
    const chain = [a];
    for (let l = layer[a] + 1; l < layer[b]; l++) {
      chain.push(layer.push(l) - 1);
    }
    return [...chain, b];
  });
  const rows: number[][] = [];
  layer.forEach((l, i) => (rows[l] ??= []).push(i));
  const at = order(rows, chains, layer.length);
  const down = direction === 'TD';
  const step = (down ? W : H) + GAP;
  const widest = Math.max(1, ...rows.map(row => row.length));
  const across = new Float64Array(layer.length);
  rows.forEach(row => row.forEach(i => (across[i] = 20 + (at[i] + (widest - row.length) / 2) * step)));
  const along = (i: number) => 36 + layer[i] * ((down ? H : W) + LAYERS);
  const placed = nodes.map((node, i) => ({
    ...node,
    x: down ? across[i] : along(i),
    y: down ? along(i) : across[i],
    layer: layer[i],
    index: at[i],
    layer_size: rows[layer[i]].length
  }));
  const bend = (i: number): [number, number] =>
    down ? [across[i] + W / 2, along(i) + H / 2] : [along(i) + W / 2, across[i] + H / 2];
  const edges: GraphEdge[] = links.map(([from, to, inferred], e) => ({
    from,
    to,
    inferred,
    names: [nodes[from].label],
    points: chains[e].map(bend)
  }));
  return {
    id: `${nodes.length}-${direction}`,
    direction,
    width: Math.max(...placed.map(n => n.x + W)) + 20,
    height: Math.max(...placed.map(n => n.y + H)) + 20,
    view: {
      job: null,
      selection: null,
      focus: null,
      depth: 1,
      hidden: 0,
      collapsed: [],
      keys: null,
      problem: null,
      ...view
    },
    nodes: placed,
    edges,
    groups: []
  };
}

function layers(n: number, links: Plain['links']): number[] {
  const layer = new Array<number>(n).fill(0);
  for (const [a, b] of [...links].sort((x, y) => x[1] - y[1])) {
    layer[b] = Math.max(layer[b], layer[a] + 1);
  }
  return layer;
}

function order(rows: number[][], chains: number[][], n: number): Float64Array {
  const at = new Float64Array(n);
  const up: number[][] = Array.from({ length: n }, () => []);
  const down: number[][] = Array.from({ length: n }, () => []);
  chains.forEach(chain => chain.slice(1).forEach((b, i) => (up[b].push(chain[i]), down[chain[i]].push(b))));
  const number = (row: number[]) => row.forEach((i, place) => (at[i] = place));
  rows.forEach(number);
  for (let sweep = 0; sweep < 6; sweep++) {
    const near = sweep % 2 ? down : up;
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const key = new Map(
        row.map(i => [i, near[i].length ? near[i].reduce((sum, j) => sum + at[j], 0) / near[i].length : at[i]])
      );
      row.sort((a, b) => key.get(a)! - key.get(b)!);
      number(row);
    }
  }
  return at;
}

const PAD = { side: 8, top: 24, bottom: 8 };

/** Boxes around the members of each group. */
export function boxed(graph: Graph): Graph {
  const names = [...new Set(graph.nodes.map(node => node.group).filter(Boolean))];
  const groups = names.map(name => {
    const inside = graph.nodes.filter(node => node.group === name && node.type !== 'group');
    const [x, y] = [Math.min(...inside.map(n => n.x)), Math.min(...inside.map(n => n.y))];
    const [right, bottom] = [Math.max(...inside.map(n => n.x + n.w)), Math.max(...inside.map(n => n.y + n.h))];
    return {
      name,
      x: x - PAD.side,
      y: y - PAD.top,
      w: right - x + 2 * PAD.side,
      h: bottom - y + PAD.top + PAD.bottom,
      collapsed: false
    };
  });
  return { ...graph, groups: groups.filter(g => Number.isFinite(g.x)) };
}
