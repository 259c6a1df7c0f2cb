/** Schedules and sensors, as the kernel tells them (jobkernel/notebook/automation_rows.py, automation_requests.py). */
import type { ConditionShown } from './conditions';
import type { ErrorShown } from './runs';
import type { Millis } from './words';

export type TickStatus = 'STARTED' | 'SUCCESS' | 'SKIPPED' | 'FAILURE' | 'MISSED';

export interface TickRow {
  tick_id: string;
  /** What of its id tells it from others of its automation. */
  label: string;
  status: TickStatus;
  at: Millis;
  scheduled_at: Millis;
  took_s: number | null;
  late_s: number | null;
  run_ids: string[];
  run_keys: string[];
  /** Why it launched nothing, failed, was missed or was late. */
  why: string | null;
  cursor: string | null;
  /** How many times were missed, and the first of them. */
  missed: number | null;
  first_at: Millis;
}

/** Marks of six minutes each from the first on: r requested, s skipped, f failed, m missed, . nothing. */
export interface Strip {
  first: number;
  marks: string;
}

export interface AutomationRow {
  name: string;
  kind: 'schedule' | 'sensor';
  starts: string[];
  when: string;
  zone: string | null;
  note: string | null;
  on: boolean;
  /** Whether somebody has turned the switch, so that it is no longer left to the definition. */
  switched: boolean;
  /** Who else sees to it; null where this kernel does. */
  owner: string | null;
  next: number[];
  looking_since: Millis;
  trouble: string | null;
  failures: number;
  last: TickRow | null;
  strip: Strip;
}

export interface SchedulerRow {
  alive: boolean;
  /** How late it was lately; 0 where that is not worth a word. */
  lag_s: number;
  jumped_at: Millis;
  jump_s: number;
}

export interface PinRow {
  key: string;
  state: string;
  automations: string[];
  moved_on: boolean;
  text: string;
}

export interface Automation {
  rows: AutomationRow[];
  scheduler: SchedulerRow;
  pin: PinRow | null;
  /** Definitions that the history knows of this notebook and that no cell has made in this kernel. */
  unrun: string[];
}

/** What differs: of rows the fields that do, of strips the marks that do. */
export interface AutomationChange {
  rows: Partial<AutomationRow>[];
  scheduler?: SchedulerRow;
  pin?: PinRow | null;
  unrun?: string[];
}

export interface TimeShown {
  at: number;
  /** The clock on the wall in the schedule's own zone. */
  local: string;
}

export interface RunKeyRow {
  key: string;
  run_id: string;
}

export interface AutomationDetails {
  name: string;
  description: string;
  facts: Record<string, string>;
  code: { source: string; language: string; cell: number | null; cell_id: string | null };
  next: TimeShown[];
  cursor: string | null;
  run_keys: RunKeyRow[];
  more_keys: boolean;
  ticks: TickRow[];
  more: boolean;
  /** What a sensor of conditions looks at, and how many more. */
  conditions: ConditionShown[];
  more_conditions: number;
}

export interface TickLine {
  at: Millis;
  level: string;
  text: string;
}

export interface TickDetails {
  log: TickLine[];
  error: ErrorShown | null;
}

/** What a look would do; with the token it can be launched. */
export interface LookPreview {
  token: string | null;
  at: TimeShown | null;
  count: number;
  requests: string[];
  skip_reason: string | null;
  moves_cursor: boolean;
  cursor: string | null;
  log: TickLine[];
  error: ErrorShown | null;
}
