/** The graph and where its nodes stand, as the kernel tells it (jobkernel/notebook/graph_view.py, statuses.py). */
import type { PartitionBar } from './partitions';
import type { Cause, Direction, Millis, StatusWord } from './words';

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
  /** Only of an asset that has partitions. */
  partitions?: PartitionBar | null;
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
  /** The assets of the selection, where it has one; those of a job are in its row. */
  keys: string[] | null;
  /** Why there is nothing to show. */
  problem: string | null;
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

export type StatusMap = Record<string, NodeStatus>;
/** Statuses on the wire: what is as in NO_STATUS (changes.ts) is left out. */
export type SentStatusMap = Record<string, Partial<NodeStatus>>;
