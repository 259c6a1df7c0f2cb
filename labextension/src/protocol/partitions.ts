/** How an asset's partitions stand, as the kernel tells it (jobkernel/notebook/partition_view.py). */
import type { Millis, StatusWord } from './words';

/** The bar: a letter a cell, in order; f fresh, s stale, x failed, r being made, - missing. */
export interface PartitionBar {
  of: number;
  made: number;
  missing: number;
  failed: number;
  stale: number;
  running: number;
  text: string;
  cells: string;
}

export interface PartitionRow {
  key: string;
  status: StatusWord;
  at: Millis;
  run_id: string | null;
  error: string | null;
}

/** The newest of those asked for, and how many there are. */
export interface PartitionList {
  rows: PartitionRow[];
  found: number;
}
