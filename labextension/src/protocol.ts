/**
 * The words kernel and screen exchange, version 1. Knows types; what checks them is in guards.ts.
 * Every module speaks these types; the Python side is jobkernel/notebook/graph_view.py.
 */
import type { AgainQuery, LayoutQuery, RunsQuery } from './queries';

export const PROTOCOL = 1;

export type StatusWord = 'fresh' | 'failed' | 'running' | 'stale' | 'never' | 'queued' | 'canceled' | 'skipped';
export type Cause = 'code' | 'helper' | 'upstream' | 'config' | 'packages';
export type RunStatus =
  'QUEUED' | 'NOT_STARTED' | 'STARTING' | 'STARTED' | 'SUCCESS' | 'FAILURE' | 'CANCELING' | 'CANCELED';
export type Direction = 'LR' | 'TD';
export type Scope = 'only' | 'downstream' | 'upstream' | 'stale' | 'missing' | 'all';
export type Millis = number | null;

export interface NodeStatus {
  status: StatusWord;
  cause: Cause | null;
  at: Millis;
  started_at: Millis;
  usual_s: number | null;
  progress: number | null;
  checks_passed: number;
  /** Failed checks of severity ERROR, and of WARN; and how many of the former keep what is below from running. */
  checks_failed: number;
  checks_warned: number;
  checks_blocking: number;
  edited: boolean;
  error: string | null;
  kind: string | null;
  rows: number | null;
  run_id: string | null;
  /** Why a step that could run waits for a slot of its pool. */
  waiting: string | null;
  /** When a step that failed is tried again. */
  again_at: Millis;
}

export interface GraphNode {
  key: string;
  label: string;
  x: number;
  y: number;
  w: number;
  h: number;
  type: 'asset' | 'op' | 'group' | 'external';
  kind: string;
  group: string;
  layer: number;
  index: number;
  layer_size: number;
  members: number;
  checks: number;
  /** Only for a collapsed group: the keys inside, so that it can show the worst of them. */
  member_keys?: string[];
}

export interface GraphEdge {
  from: number;
  to: number;
  inferred: boolean;
  names: string[];
  points: [number, number][];
}

export interface GraphGroup {
  name: string;
  x: number;
  y: number;
  w: number;
  h: number;
  collapsed: boolean;
}

export interface GraphSlice {
  job: string | null;
  selection: string | null;
  focus: string | null;
  depth: number;
  hidden: number;
  collapsed: string[];
}

export interface Graph {
  id: string;
  direction: Direction;
  width: number;
  height: number;
  view: GraphSlice;
  nodes: GraphNode[];
  edges: GraphEdge[];
  groups: GraphGroup[];
}

/**
 * A column: a value for each row, a number of a word for each row, or what most rows have and what the others have.
 * Whole numbers may be base64 of 16 or 32 bits each, the lowest byte first.
 */
export type Numbers =
  | number[]
  | { i16: string }
  | { i32: string }
  | { words: number[]; at: number[] }
  | { most: number | null; but: Record<string, number> };
export type Texts = string[] | { words: string[]; at: number[] } | { most: string | null; but: Record<string, string> };
export type Flags =
  boolean[] | { words: boolean[]; at: number[] } | { most: boolean | null; but: Record<string, boolean> };

export interface PackedNodes {
  count: number;
  key: string[];
  /** By row, those that are not the last part of their key. */
  label: Record<string, string>;
  type: Texts;
  kind: Texts;
  group: Texts;
  checks: Numbers;
  member_keys: Record<string, string[]>;
  /** Places and sizes in quarters of a pixel. */
  x: Numbers;
  y: Numbers;
  w: Numbers;
  h: Numbers;
  layer: Numbers;
  index: Numbers;
}

export interface PackedEdges {
  count: number;
  from: Numbers;
  to: Numbers;
  inferred: Flags;
  /** By row, those that are not just the label of where the edge begins. */
  names: Record<string, string[]>;
  /** How far off the middle of a node's side each edge leaves and arrives, and how often it bends between. */
  leaves: Numbers;
  arrives: Numbers;
  bends: Numbers;
  /** The bends of all edges one after the other: x, y, x, y, … in quarters of a pixel, as are leaves and arrives. */
  points: Numbers;
}

/** A graph as it is sent; packed.ts makes it a `Graph`. */
export interface PackedGraph extends Omit<Graph, 'nodes' | 'edges'> {
  nodes: PackedNodes;
  edges: PackedEdges;
}

export type JobRow = { name: string; kind: 'asset' | 'op'; keys: string[] };
/** An op that a cell defined, the jobs that use it, and the keys of its steps there among the statuses. */
export type OpRow = { name: string; uses: { job: string; keys: string[] }[] };

export interface RunRow {
  run_id: string;
  job_name: string;
  /** What to call it: the job, or the assets that were chosen without one. */
  title: string;
  status: RunStatus;
  queued_at: Millis;
  started_at: Millis;
  ended_at: Millis;
  duration_s: number | null;
  trigger: string;
  steps_total: number;
  steps_done: number;
  steps_failed: number;
  segments: StatusWord[];
  error: string | null;
  priority: number;
  tags: Record<string, string>;
  partition_key: string | null;
  /** Why a queued run waits, and how many stand before it. */
  waiting: string | null;
  parent_run_id: string | null;
  root_run_id: string | null;
  /** Its executor, where that is not the project's own. */
  chosen_executor: string | null;
  /** The other notebook whose run it is. */
  notebook: string | null;
  /** The cell that waits for the run. */
  cell_id: string | null;
  /** What the next press on Cancel does; null where the run has ended. */
  cancel: string | null;
  /** Steps that were given up while their threads go on. */
  abandoned: string[];
}

export interface PoolRow {
  name: string;
  held: number;
  waiting: number;
  limit: number;
}

/** The project's queue: whether it starts no runs now, how many wait, the pools that are in use. */
export interface Queue {
  paused: boolean;
  waiting: number;
  pools: PoolRow[];
}

export type StatusMap = Record<string, NodeStatus>;
/** Statuses on the wire: what is as in NO_STATUS (changes.ts) is left out. */
export type SentStatusMap = Record<string, Partial<NodeStatus>>;

export interface Snapshot {
  protocol: number;
  seq: number;
  project: string;
  notebook: string | null;
  kernel_id: string;
  jobs: JobRow[];
  ops: OpRow[];
  graph: PackedGraph;
  status: StatusMap;
  runs: RunRow[];
  queue: Queue;
}
export interface SentSnapshot extends Omit<Snapshot, 'status'> {
  status: SentStatusMap;
}

export type DiffLine = [' ' | '-' | '+', string];

export interface WhyPart {
  what: Cause | 'missing';
  name: string;
  text: string;
  diff: DiffLine[] | null;
}

export interface Why {
  headline: string;
  parts: WhyPart[];
}

export interface Column {
  name: string;
  dtype: string;
  numeric: boolean;
  index?: boolean; // labels rows: the shape does not count it
}

export type Preview =
  | { form: 'table'; columns: Column[]; rows: string[][]; shape: [number, number] }
  | { form: 'text'; text: string }
  | { form: 'image'; data: string };

export interface MetadataRow {
  name: string;
  kind: string;
  text: string;
  value: unknown;
  history: number[];
}

export interface CheckRow {
  name: string;
  status: 'fresh' | 'failed' | 'never' | 'running';
  severity: string;
  blocking: boolean;
  description: string;
  at: Millis;
}

export interface MaterializationRow {
  run_id: string;
  at: Millis;
  duration_s: number | null;
  status: StatusWord;
  rows: number | null;
}

export interface LogLine {
  at: Millis;
  level: string;
  step_key: string | null;
  text: string;
  seq: number;
}

export interface ErrorFrame {
  where: string;
  line: number | null;
  code: string;
  own: boolean;
}

export interface ErrorShown {
  type: string;
  message: string;
  cell: number | null;
  line: number | null;
  frames: ErrorFrame[];
  text: string;
}

export interface Details {
  key: string;
  type: GraphNode['type'];
  label: string;
  description: string;
  kind: string;
  group: string;
  owners: string[];
  tags: Record<string, string>;
  upstream: string[];
  downstream: string[];
  status: NodeStatus;
  why: Why | null;
  preview: Preview | null;
  metadata: MetadataRow[];
  checks: CheckRow[];
  materializations: MaterializationRow[];
  code: { source: string; language: 'python' | 'sql'; cell: number | null; cell_id: string | null };
  log: { run_id: string; step_key: string; lines: LogLine[] } | null;
  error: ErrorShown | null;
}

export interface Attempt {
  number: number;
  started_at: Millis;
  ended_at: Millis;
  status: StatusWord;
  error: string | null;
  /** How long is waited after it before the next. */
  delay_s: number | null;
}

export interface StepRow {
  step_key: string;
  key: string | null; // the asset that the step is named after
  status: StatusWord;
  attempts: Attempt[];
  started_at: Millis;
  ended_at: Millis;
  duration_s: number | null;
  usual_s: number | null;
  reason: string | null;
  /** When it is tried again, after an attempt that failed. */
  again_at: Millis;
}

export interface RunDetails extends Omit<RunRow, 'error'> {
  error: ErrorShown | null;
  steps: StepRow[];
  longest_path: string[];
  error_step: string | null;
  config: unknown;
  log: LogLine[];
  executor: string;
}

export interface Plan {
  keys: string[];
  missing_upstream: string[];
  expected_s: number | null;
  text: string;
}

/** What each request takes and what its answer holds. */
export interface Operations {
  snapshot: { fields: Record<string, never>; result: SentSnapshot };
  /** The still picture, by mime type, for the notebook's file. */
  picture: { fields: Record<string, never>; result: Record<string, unknown> };
  layout: { fields: LayoutQuery; result: PackedGraph };
  select: { fields: { text: string }; result: { keys: string[] } };
  details: { fields: { key: string }; result: Details };
  plan: { fields: { keys: string[]; scope: Scope }; result: Plan };
  materialize: { fields: { keys: string[]; scope: Scope; include_missing: boolean }; result: { run_id: string } };
  launch: { fields: { job: string }; result: { run_id: string } };
  cancel: { fields: { run_id: string; force: boolean }; result: { text: string } };
  reexecute: { fields: AgainQuery; result: { run_id: string } };
  /** What a re-execution would run. */
  replan: { fields: AgainQuery; result: { steps: string[]; expected_s: number | null; text: string } };
  runs: { fields: RunsQuery; result: { rows: RunRow[]; more: boolean } };
  run: { fields: { run_id: string }; result: RunDetails };
  log: {
    fields: { run_id: string; step_key: string | null; after: number };
    result: { lines: LogLine[]; ended: boolean };
  };
}
export type Operation = keyof Operations;

export interface Request {
  id: number;
  op: string;
  [field: string]: unknown;
}
export type Reply = { id: number; ok: true; result: unknown } | { id: number; ok: false; error: string };

export type StatusPush = { push: 'status'; seq: number; status: SentStatusMap; runs: RunRow[]; queue?: Queue };
export type GraphPush = { push: 'graph'; seq: number; snapshot: SentSnapshot };
export type GonePush = { push: 'gone'; reason: string };
export type Push = StatusPush | GraphPush | GonePush;

export type { Host, Shown } from './host';
export type { AgainQuery, LayoutQuery, RunsQuery } from './queries';
export { ACTIVE, isActive, runGlyph } from './run_status';
