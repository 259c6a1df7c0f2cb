import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flightsGraph, graphOf, many } from '../dev/fixtures';
import {
  boundsOf,
  curveBox,
  directionFor,
  distanceTo,
  edgeCurve,
  fit,
  holds,
  neighbour,
  portOffsets,
  reveal,
  seen,
  zoomAt
} from '../src/geometry';
import { arcsOf, rowsOf, windowOf } from '../src/rows';
import { leadsOutside } from '../src/view/hands';

const TD = flightsGraph('TD');
const indexOf = (key: string) => TD.nodes.findIndex(node => node.key === key);

test('fit shows everything and never magnifies', () => {
  for (const [w, h] of [
    [960, 700],
    [300, 200],
    [4000, 3000]
  ]) {
    const view = fit(boundsOf(TD), w, h);
    assert.ok(view.k <= 1);
    assert.ok(holds(seen(view, w, h), boundsOf(TD)), `${w}x${h}`);
  }
});

test('zooming keeps the point under the pointer', () => {
  const before = { k: 1, x: 10, y: 20 };
  const after = zoomAt(before, 1.5, 300, 200);
  const world = (view: typeof before) => [(300 - view.x) / view.k, (200 - view.y) / view.k];
  assert.deepEqual(world(after).map(Math.round), world(before).map(Math.round));
});

test('edges into one card arrive 16 px apart, in the order they come from', () => {
  const offsets = portOffsets(TD);
  const into = (from: string, to: string) =>
    offsets[TD.edges.findIndex(e => e.from === indexOf(from) && e.to === indexOf(to))];
  assert.deepEqual([into('planes', 'clean_flights'), into('raw_flights', 'clean_flights')], [-8, 8]);
});

test('many edges into one card stay on its side', () => {
  const crowd = {
    ...TD,
    edges: Array.from({ length: 40 }, () => ({
      from: 0,
      to: 9,
      inferred: true,
      names: [],
      points: [] as [number, number][]
    }))
  };
  const offsets = [...portOffsets(crowd)];
  assert.ok(Math.max(...offsets) <= TD.nodes[9].w / 2);
  assert.equal(new Set(offsets).size, 40);
});

test('an edge goes through its bends and ends above its target', () => {
  const edge = {
    from: 0,
    to: 8,
    inferred: false,
    names: [],
    points: [
      [0, 0],
      [300, 200],
      [310, 320],
      [0, 0]
    ] as [number, number][]
  };
  const curve = edgeCurve(TD, edge, 0);
  const target = TD.nodes[8];
  assert.deepEqual([curve[6], curve[7], curve[12], curve[13]], [300, 200, 310, 320]);
  assert.deepEqual(curve.slice(-2), [target.x + target.w / 2, target.y - 3]);
  assert.ok(distanceTo(curve, 300, 200) < 0.5);
  assert.ok(distanceTo(curve, 600, 20) > 100);
  assert.ok(curveBox(curve).h > 300);
});

test('arrow keys follow edges and stay within a layer sideways', () => {
  const to = (key: string, arrow: Parameters<typeof neighbour>[2]) => {
    const found = neighbour(TD, indexOf(key), arrow);
    return found === null ? null : TD.nodes[found].key;
  };
  assert.equal(to('clean_flights', 'ArrowDown'), 'flights_weather');
  assert.equal(to('clean_flights', 'ArrowUp'), 'planes');
  assert.equal(to('planes', 'ArrowRight'), 'raw_flights');
  assert.equal(to('planes', 'ArrowLeft'), null);
});

test('revealing moves as little as it must', () => {
  const view = { k: 1, x: 0, y: 0 };
  assert.deepEqual(reveal(view, { x: 100, y: 100, w: 152, h: 56 }, 600, 400), view);
  assert.deepEqual(reveal(view, { x: 700, y: 100, w: 152, h: 56 }, 600, 400), { k: 1, x: -276, y: 0 });
});

test('the wheel scrolls the graph only towards what lies outside', () => {
  const world = { x: 0, y: 0, w: 100, h: 500 };
  const view = { x: 0, y: 0, w: 100, h: 200 };
  assert.equal(leadsOutside([world, view], 0, 10), true);
  assert.equal(leadsOutside([world, view], 0, -10), false);
  assert.equal(leadsOutside([world, view], 10, 0), false);
});

test('below 800 px the graph runs top-down unless told otherwise', () => {
  assert.deepEqual([directionFor(799, 'auto'), directionFor(800, 'auto'), directionFor(300, 'LR')], ['TD', 'LR', 'LR']);
});

test('the list has every node once, under its group, and finds its window', () => {
  const rows = rowsOf(TD, 36);
  assert.equal(rows.filter(row => row.node >= 0).length, TD.nodes.length);
  assert.deepEqual(
    rows.filter(row => row.heading).map(row => row.heading),
    ['ingest', 'prepare', 'report']
  );
  const [first, end] = windowOf(rows, 100, 200);
  assert.ok(rows[first].y + rows[first].h > 100 && rows[end - 1].y < 200 && rows[end].y >= 200);
});

test('the selected arcs are drawn last, and alone where there are too many', () => {
  const rows = rowsOf(TD, 36);
  const selected = indexOf('flights_weather');
  const all = arcsOf(TD, rows, [0, 1000], selected, 100);
  assert.equal(all.length, TD.edges.length);
  assert.equal(all[all.length - 1].from === selected || all[all.length - 1].to === selected, true);
  assert.equal(arcsOf(TD, rows, [0, 1000], selected, 0).length, 4);
});

test('ten thousand nodes are prepared within a second', () => {
  const graph = graphOf(many(10_000), 'TD');
  const began = performance.now();
  const ports = portOffsets(graph);
  graph.edges.forEach((edge, i) => edgeCurve(graph, edge, ports[i]));
  assert.ok(performance.now() - began < 1000);
});
