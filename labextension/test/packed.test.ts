import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flightsGraph, graphOf, many } from '../dev/fixtures';
import { packed } from '../dev/pack';
import { numbersOf, unpacked, valuesOf } from '../src/packed';

test('a column is a list, words by number, or what most rows have', () => {
  assert.deepEqual(valuesOf(['a', 'b', 'a'], 3), ['a', 'b', 'a']);
  assert.deepEqual(valuesOf({ words: ['a', 'b'], at: [1, 0, 1] }, 3), ['b', 'a', 'b']);
  assert.deepEqual(valuesOf({ most: 7, but: { 2: 9 } }, 4), [7, 7, 9, 7]);
  assert.deepEqual(valuesOf<number>({ most: null, but: {} }, 0), []);
});

test('whole numbers come as 16 or 32 bits each', () => {
  assert.deepEqual(Array.from(numbersOf({ i16: 'AQD//w==' }, 2)), [1, -1]);
  assert.deepEqual(Array.from(numbersOf({ i32: 'AQAAAP////8=' }, 2)), [1, -1]);
});

test('a graph that was packed is the same when it is unpacked', () => {
  const plain = (graph: unknown) => JSON.parse(JSON.stringify(graph)) as unknown;
  const flights = flightsGraph('LR');
  const bent = { ...flights, edges: flights.edges.map((edge, i) => ({ ...edge, points: pointsOf(flights, i) })) };
  assert.deepEqual(plain(unpacked(packed(bent))), plain({ ...bent, nodes: withMembers(flights.nodes) }));
});

test('places are kept to a quarter of a pixel', () => {
  const graph = graphOf(many(50), 'TD');
  const again = unpacked(packed(graph));
  graph.nodes.forEach((node, i) => assert.ok(Math.abs(node.x - again.nodes[i].x) <= 0.125));
  assert.deepEqual(
    again.edges.map(edge => edge.points.length),
    graph.edges.map(edge => Math.max(2, edge.points.length))
  );
});

test('an edge meets its nodes as far off the middle as it says', () => {
  const graph = packed(flightsGraph('TD'));
  graph.edges.leaves = { most: 8, but: {} };
  graph.edges.arrives = { most: -16, but: {} };
  const { nodes, edges } = unpacked(graph);
  const [from, to] = [nodes[edges[0].from], nodes[edges[0].to]];
  assert.deepEqual(edges[0].points, [
    [from.x + from.w / 2 + 2, from.y + from.h],
    [to.x + to.w / 2 - 4, to.y]
  ]);
});

test('what is left out is the last part of the key, and the label of where an edge begins', () => {
  const graph = packed(flightsGraph('LR'));
  graph.nodes.key[0] = 'sales/planes';
  graph.nodes.label = {};
  graph.edges.names = {};
  const { nodes, edges } = unpacked(graph);
  assert.equal(nodes[0].label, 'planes');
  assert.deepEqual(edges[0].names, ['planes']);
});

/** A group's count is that of the keys in it. */
const withMembers = (nodes: ReturnType<typeof flightsGraph>['nodes']) =>
  nodes.map(node => ({ ...node, members: node.member_keys?.length ?? 0 }));

/** An edge out of the middle of one node, with a bend, into the middle of another. */
function pointsOf({ nodes, edges }: ReturnType<typeof flightsGraph>, i: number): [number, number][] {
  const [from, to] = [nodes[edges[i].from], nodes[edges[i].to]];
  const end: [number, number] = [to.x, to.y + to.h / 2];
  return [[from.x + from.w, from.y + from.h / 2], [i, i + 0.25], end];
}
