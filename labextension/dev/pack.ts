/** Graphs packed as the kernel does it, plainly: every column but labels and names is a list, edges meet nodes in the middle. */
import { UNIT } from '../src/packed';
import type { Graph, PackedGraph } from '../src/protocol';

export function packed(graph: Graph): PackedGraph {
  const { nodes, edges } = graph;
  const units = (lengths: number[]) => lengths.map(length => Math.round(length * UNIT));
  const some = <T>(rows: [number, T | undefined][]): Record<string, T> =>
    Object.fromEntries(rows.filter((row): row is [number, T] => row[1] !== undefined));
  return {
    ...graph,
    nodes: {
      count: nodes.length,
      key: nodes.map(node => node.key),
      label: some(nodes.map((node, i) => [i, node.label])),
      type: nodes.map(node => node.type),
      kind: nodes.map(node => node.kind),
      group: nodes.map(node => node.group),
      checks: nodes.map(node => node.checks),
      member_keys: some(nodes.map((node, i) => [i, node.member_keys])),
      x: units(nodes.map(node => node.x)),
      y: units(nodes.map(node => node.y)),
      w: { most: units(nodes.slice(0, 1).map(node => node.w))[0] ?? null, but: {} },
      h: { most: units(nodes.slice(0, 1).map(node => node.h))[0] ?? null, but: {} },
      layer: nodes.map(node => node.layer),
      index: nodes.map(node => node.index)
    },
    edges: {
      count: edges.length,
      from: edges.map(edge => edge.from),
      to: edges.map(edge => edge.to),
      inferred: { words: [false, true], at: edges.map(edge => Number(edge.inferred)) },
      names: some(edges.map((edge, i) => [i, edge.names])),
      leaves: { most: 0, but: {} },
      arrives: { most: 0, but: {} },
      bends: edges.map(edge => Math.max(0, edge.points.length - 2)),
      points: units(edges.flatMap(edge => edge.points.slice(1, -1).flat()))
    }
  };
}
