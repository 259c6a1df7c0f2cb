/** Made-up projects for the development page: the flights example, and any number of assets. */
import type {
  Direction,
  Graph,
  GraphNode,
  NodeStatus,
  Queue,
  RunRow,
  Snapshot,
  StatusMap,
  StatusWord
} from '../src/protocol';
import { NO_STATUS } from '../src/changes';
import { backfills } from './backfills';
import { boxed, place } from './layout';
import type { Plain } from './layout';
import { automation, manyAutomations, noAutomation } from './automation';
import { packed } from './pack';
import { HOUR, MIN, now } from './times';

export { HOUR, MIN, now };

export const status = (word: StatusWord, more: Partial<NodeStatus> = {}): NodeStatus => ({
  ...NO_STATUS,
  status: word,
  at: word === 'never' ? null : now - 2 * HOUR,
  ...more
});

const node = (key: string, kind: string, group: string, more: Partial<GraphNode> = {}): GraphNode => ({
  key,
  label: key,
  x: 0,
  y: 0,
  w: 152,
  h: 56,
  type: 'asset',
  kind,
  group,
  layer: 0,
  index: 0,
  layer_size: 1,
  members: 0,
  checks: 0,
  ...more
});

// the flights example, placed by hand as in the design
export const FLIGHTS: [string, string, string, number, number, number, number][] = [
  ['planes', 'polars', 'ingest', 20, 36, 20, 36],
  ['raw_flights', 'polars', 'ingest', 180, 36, 20, 104],
  ['weather', 'polars', 'ingest', 340, 36, 20, 172],
  ['airlines', 'pandas', 'ingest', 500, 36, 20, 240],
  ['clean_flights', 'polars', 'prepare', 100, 180, 232, 70],
  ['flights_weather', 'pandas', 'prepare', 260, 292, 440, 138],
  ['delay_vs_weather', 'pandas', 'report', 100, 436, 652, 104],
  ['delay_by_carrier', 'duckdb', 'report', 340, 436, 652, 206],
  ['report_plot', 'matplotlib', 'report', 220, 548, 864, 155],
  ['publish', '', 'publish', 508, 548, 864, 280]
];
export const LINKS: [string, string, boolean][] = [
  ['planes', 'clean_flights', true],
  ['raw_flights', 'clean_flights', true],
  ['clean_flights', 'flights_weather', true],
  ['weather', 'flights_weather', true],
  ['flights_weather', 'delay_vs_weather', true],
  ['flights_weather', 'delay_by_carrier', true],
  ['airlines', 'delay_by_carrier', false],
  ['delay_vs_weather', 'report_plot', true],
  ['delay_by_carrier', 'report_plot', true],
  ['delay_by_carrier', 'publish', false]
];
const PUBLISHED = ['site/pages', 'site/index', 'mail'];

export const flightsStatus = (): StatusMap => ({
  planes: status('fresh', { checks_failed: 1, checks_blocking: 1, rows: 3322, kind: 'polars' }),
  raw_flights: status('fresh', { checks_passed: 2, rows: 336_776, kind: 'polars' }),
  weather: status('running', {
    started_at: now - 12_000,
    usual_s: 40,
    run_id: '90c4aa18d1',
    kind: 'polars'
  }),
  airlines: status('never', { kind: 'pandas' }),
  clean_flights: status('stale', { cause: 'code', checks_passed: 3, rows: 327_346, kind: 'polars' }),
  flights_weather: status('failed', {
    at: now - 6 * MIN,
    error: "KeyError: 'visib'",
    run_id: '7f3a91c2e0',
    kind: 'pandas'
  }),
  delay_vs_weather: status('fresh', { at: now - 25 * HOUR, checks_warned: 1, rows: 24 }),
  delay_by_carrier: status('stale', { cause: 'upstream', at: now - 25 * HOUR, rows: 16, kind: 'duckdb' }),
  report_plot: status('fresh', { at: now - 25 * HOUR, edited: true }),
  ...Object.fromEntries(PUBLISHED.map(key => [key, status('fresh', { at: now - 25 * HOUR })]))
});

export function flightsGraph(direction: Direction): Graph {
  const down = direction === 'TD';
  const layers: Record<string, [number, number, number]> = {
    planes: [0, 0, 4],
    raw_flights: [0, 1, 4],
    weather: [0, 2, 4],
    airlines: [0, 3, 4],
    clean_flights: [1, 0, 1],
    flights_weather: [2, 0, 1],
    delay_vs_weather: [3, 0, 2],
    delay_by_carrier: [3, 1, 2],
    report_plot: [4, 0, 2],
    publish: [4, 1, 2]
  };
  const nodes = FLIGHTS.map(([key, kind, group, x, y, x2, y2]) => {
    const [layer, index, layer_size] = layers[key];
    const pile = key === 'publish' ? { type: 'group' as const, members: 3, member_keys: PUBLISHED } : {};
    return node(key, kind, group, { x: down ? x : x2, y: down ? y : y2, layer, index, layer_size, ...pile });
  });
  const at = (key: string) => nodes.findIndex(n => n.key === key);
  const edges = LINKS.map(([a, b, inferred]) => ({
    from: at(a),
    to: at(b),
    inferred,
    names: [a],
    points: [] as [number, number][]
  }));
  const box = (name: string, x: number, y: number, w: number, h: number) => ({ name, x, y, w, h, collapsed: false });
  const groups = down
    ? [box('ingest', 12, 12, 648, 88), box('prepare', 92, 156, 328, 200), box('report', 92, 412, 408, 200)]
    : [box('ingest', 12, 12, 168, 292), box('prepare', 224, 46, 376, 156), box('report', 644, 80, 380, 190)];
  return {
    id: `flights-${direction}`,
    direction,
    width: down ? 672 : 1036,
    height: down ? 624 : 350,
    view: {
      job: null,
      selection: null,
      focus: null,
      depth: 1,
      hidden: 0,
      collapsed: ['publish'],
      keys: null,
      problem: null
    },
    nodes,
    edges,
    groups
  };
}

export const runs = (): RunRow[] => {
  const row = (
    run_id: string,
    job_name: string,
    word: RunRow['status'],
    ago: number,
    took: number | null,
    segments: StatusWord[],
    more: Partial<RunRow> = {}
  ): RunRow => ({
    run_id,
    job_name,
    title: job_name,
    status: word,
    queued_at: now - ago - 1900,
    started_at: now - ago,
    ended_at: took === null ? null : now - ago + took * 1000,
    duration_s: took,
    trigger: 'by hand',
    steps_total: segments.length,
    steps_done: segments.filter(s => s === 'fresh').length,
    steps_failed: segments.filter(s => s === 'failed').length,
    segments,
    error: null,
    priority: 0,
    tags: {},
    partition_key: null,
    waiting: null,
    parent_run_id: null,
    root_run_id: null,
    chosen_executor: null,
    notebook: null,
    cell_id: null,
    cancel: took === null ? (word === 'QUEUED' ? 'it leaves the queue' : 'interrupts the query of weather') : null,
    abandoned: [],
    ...more
  });
  const all = (n: number, word: StatusWord = 'fresh') => Array.from({ length: n }, () => word);
  return [
    row('b81e07d4aa', 'daily_report', 'QUEUED', 2000, null, all(8, 'queued'), {
      started_at: null,
      trigger: 'backfill',
      tags: { 'dagster/backfill': 'qwertzui' },
      partition_key: '2013-05',
      priority: 5,
      waiting: "waits: pool 'duckdb' is full, 1 of 1, by run 90c4aa18; 2 runs are before it"
    }),
    row('c02d7713ee', 'archive', 'QUEUED', 9000, null, all(3, 'queued'), {
      started_at: null,
      trigger: 'manual',
      notebook: 'archive.ipynb',
      chosen_executor: 'processes',
      waiting: 'waits: 2 of 2 runs are running (max_concurrent_runs)'
    }),
    row('90c4aa18d1', 'daily_report', 'STARTED', 28_000, null, ['fresh', 'fresh', 'running', ...all(5, 'queued')], {
      trigger: 'backfill',
      tags: { 'dagster/backfill': 'qwertzui' },
      partition_key: '2013-04'
    }),
    row('a0d58c33f1', 'daily_report', 'FAILURE', 6 * MIN, 36, [...all(4, 'skipped'), 'failed', ...all(3, 'skipped')], {
      trigger: 'reexecution',
      parent_run_id: '7f3a91c2e0',
      root_run_id: '7f3a91c2e0',
      tags: { 'dagster/is_resume_retry': 'true', 'dagster/will_retry': 'true' },
      error: "flights_weather: KeyError: 'visib'"
    }),
    row('7f3a91c2e0', 'daily_report', 'FAILURE', 110 * MIN, 76, [...all(4), 'failed', ...all(3, 'skipped')], {
      trigger: 'schedule daily_report',
      error: "flights_weather: KeyError: 'visib'"
    }),
    row('e1740f9abb', 'daily_report', 'CANCELED', 9 * HOUR, 22, [...all(3), 'canceled', ...all(4, 'skipped')]),
    row('d3c0b7de11', 'refresh_weather', 'SUCCESS', 9.9 * HOUR, 31, ['skipped', 'fresh', 'fresh'], {
      trigger: 'retry',
      parent_run_id: '41c0b7de11',
      root_run_id: '41c0b7de11',
      tags: { 'dagster/retry_number': '1', 'dagster/is_resume_retry': 'true' }
    }),
    row('41c0b7de11', 'refresh_weather', 'FAILURE', 10 * HOUR, 129, ['fresh', 'failed', 'skipped'], {
      chosen_executor: 'processes',
      tags: { 'dagster/will_retry': 'true', 'dagster/auto_retry_run_id': 'd3c0b7de11' },
      error: 'OSError: no route to host'
    }),
    ...Array.from({ length: 30 }, (_, i) =>
      row(
        `c3f912${String(i).padStart(4, '0')}`,
        i % 3 ? 'refresh_weather' : 'nightly',
        'SUCCESS',
        (11 + i) * HOUR,
        88 + i,
        all(i % 3 ? 3 : 60),
        { trigger: 'schedule' }
      )
    )
  ];
};

const QUEUE: Queue = { paused: false, waiting: 2, pools: [{ name: 'duckdb', held: 1, waiting: 1, limit: 1 }] };

export function snapshotOf(name: string): Snapshot {
  const base = {
    protocol: 1,
    seq: 1,
    project: 'flights',
    notebook: 'flights.ipynb',
    kernel_id: 'dev',
    runs: runs(),
    backfills: name === 'flights' ? backfills() : [],
    queue: QUEUE,
    automation: name === 'flights' ? automation() : noAutomation(),
    ops: [{ name: 'fetch', uses: [{ job: 'nightly', keys: ['op:nightly/fetch'] }] }]
  };
  if (name === 'empty') {
    return {
      ...base,
      runs: [],
      jobs: [],
      graph: packed({ ...flightsGraph('TD'), nodes: [], edges: [], groups: [] }),
      status: {}
    };
  }
  if (name === 'flights') {
    const keys = Object.keys(flightsStatus());
    return {
      ...base,
      jobs: [
        { name: 'daily_report', kind: 'asset', keys: keys.slice(0, 9) },
        { name: 'nightly', kind: 'op', keys: ['fetch', 'load', 'tell'] }
      ],
      graph: packed(flightsGraph('TD')),
      status: flightsStatus()
    };
  }
  const made = many(Number(name));
  const automated = manyAutomations(Math.min(Number(name) || 0, 200));
  return { ...base, automation: automated, jobs: [], graph: packed(graphOf(made, 'TD')), status: made.status };
}

export interface Made extends Plain {
  status: StatusMap;
}
const KINDS = ['polars', 'pandas', 'duckdb', 'numpy', 'json'];
const WORDS: StatusWord[] = [
  'fresh',
  'fresh',
  'fresh',
  'fresh',
  'fresh',
  'fresh',
  'stale',
  'failed',
  'never',
  'queued'
];

/** The status of an asset with 31 partitions, of which some are made, stale, failed or being made. */
const parted = (own: NodeStatus, seed: number): NodeStatus => {
  const of = 31;
  const made = own.status === 'never' ? 0 : own.status === 'fresh' && seed % 3 !== 1 ? of : 6 + (seed % 20);
  const late: Partial<Record<StatusWord, string>> = { failed: 'x', running: 'r', stale: seed % 8 === 1 ? 's' : 'f' };
  const last = late[own.status] ?? 'f';
  const cells = made ? 'f'.repeat(made - 2) + last.repeat(2) + '-'.repeat(of - made) : '-'.repeat(of);
  const count = (letter: string) => cells.split(letter).length - 1;
  const partitions = {
    of,
    made: of - count('-'),
    missing: count('-'),
    failed: count('x'),
    stale: count('s'),
    running: count('r'),
    text: `${of - count('-')} of ${of} made`,
    cells
  };
  const partly = own.status === 'queued' || own.status === 'failed' ? own.status : count('-') ? 'stale' : own.status;
  return { ...own, status: made ? partly : 'never', cause: null, partitions };
};

/** A layered project of `n` assets, the same for the same `n`. */
export function many(n: number): Made {
  let seed = n;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const wide = Math.max(2, Math.round(Math.sqrt(n) * 1.2));
  const nodes: GraphNode[] = [];
  const links: [number, number, boolean][] = [];
  const words: StatusMap = {};
  for (let i = 0; i < n; i++) {
    const key = `asset_${String(i).padStart(String(n).length, '0')}`;
    nodes.push(node(key, KINDS[i % 5], n > 20 ? '' : `part_${i % 2}`));
    const word = i === 2 ? 'running' : WORDS[Math.floor(random() * WORDS.length)];
    words[key] = status(
      word,
      word === 'stale'
        ? { cause: 'upstream' }
        : word === 'running'
          ? { started_at: now - 4000, usual_s: 30 }
          : word === 'failed'
            ? { error: 'ValueError: no rows' }
            : {}
    );
    if (i % 4 === 1 || i === 4) {
      words[key] = parted(words[key], i);
    }
    if (i >= wide) {
      const above = Math.floor(i / wide - 1) * wide;
      const picks = new Set(
        Array.from({ length: random() < 0.5 ? 1 : 2 }, () =>
          Math.min(i - 1, above + Math.max(0, Math.min(wide - 1, (i % wide) + Math.floor((random() - 0.5) * 6))))
        )
      );
      picks.forEach(a => links.push([a, i, random() < 0.8]));
    }
  }
  return { nodes, links, status: words };
}

export const graphOf = (made: Plain, direction: Direction, view: Partial<Graph['view']> = {}): Graph =>
  boxed(place(made, direction, view));

export function neighbourhood(made: Made, key: string, depth: number, direction: Direction): Graph {
  const held = new Set([made.nodes.findIndex(n => n.key === key)]);
  for (let step = 0; step < depth; step++) {
    for (const [a, b] of made.links.filter(([x, y]) => held.has(x) || held.has(y))) {
      held.add(a);
      held.add(b);
    }
  }
  const kept = [...held].sort((a, b) => a - b);
  const links = made.links
    .filter(([a, b]) => held.has(a) && held.has(b))
    .map(([a, b, inf]) => [kept.indexOf(a), kept.indexOf(b), inf] as [number, number, boolean]);
  return graphOf({ nodes: kept.map(i => made.nodes[i]), links }, direction, {
    focus: key,
    depth,
    hidden: made.nodes.length - kept.length
  });
}

/** The nodes of a graph that a selection has, without their edges. */
export function partOf(graph: Graph, selection: string, keys: string[]): Graph {
  const nodes = graph.nodes.filter(node => keys.includes(node.key));
  const problem = nodes.length ? null : `Nothing matches the selection '${selection}'.`;
  return { ...graph, id: keys.join(), nodes, edges: [], groups: [], view: { ...graph.view, selection, keys, problem } };
}
