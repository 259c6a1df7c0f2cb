/** Conditions of assets and what looks at them found (jobkernel/notebook/condition_view.py). */
import type { Millis } from './words';

/** A part of a condition, of how many partitions it is true and was asked (1 where there are none). */
export interface ConditionTree {
  label: string;
  /** `moot` where it was not asked. */
  status: 'true' | 'false' | 'partly' | 'moot';
  true: number;
  of: number;
  /** Which partitions it is true of, in words. */
  partitions?: string;
  operator?: string;
  /** Its own name, where its label is another. */
  name?: string;
  children?: ConditionTree[];
  left_out?: number;
}

export interface ConditionShown {
  /** The asset, or `asset:check`. */
  key: string;
  condition: string;
  /** Why it is requested, or what it waits for; null where nobody has looked. */
  why: string | null;
  /** Of how many partitions it was requested then. */
  requested: number;
  /** When a look found this first. */
  at: Millis;
  tree: ConditionTree | null;
  run_ids: string[];
  /** The sensor that looks at it, and whether that is on. */
  automation: string | null;
  on: boolean;
}
