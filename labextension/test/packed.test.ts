import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flightsGraph, graphOf, many } from '../dev/fixtures';
import { packed } from '../dev/pack';
import { unpacked, valuesOf } from '../src/packed';

test('a column is a list, words by number, or what most rows have', () => {
  assert.deepEqual(valuesOf(['a', 'b', 'a'], 3), ['a', 'b', 'a']);
  assert.deepEqual(valuesOf({ words: ['a', 'b'], at: [1, 0, 1] }, 3), ['b', 'a', 'b']);
  assert.deepEqual(valuesOf({ most: 7, but: { 2: 9 } }, 4), [7, 7, 9, 7]);
  assert.deepEqual(valuesOf<number>({ most: null, but: {} }, 0), []);
});

test('a graph that was packed is the same when it is unpacked', () => {
  const plain = (graph: unknown) => JSON.parse(JSON.stringify(graph)) as unknown;
  const flights = flightsGraph('LR');
  assert.deepEqual(plain(unpacked(packed(flights))), plain({ ...flights, nodes: withMembers(flights.nodes) }));
});

test('places are kept to a quarter of a pixel', () => {
  const graph = graphOf(many(50), 'TD');
  const again = unpacked(packed(graph));
  graph.nodes.forEach((node, i) => assert.ok(Math.abs(node.x - again.nodes[i].x) <= 0.125));
  assert.deepEqual(
    again.edges.map(edge => edge.points.length),
    graph.edges.map(edge => edge.points.length)
  );
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
