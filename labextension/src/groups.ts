/** Which runs stand under which in the list: what runs a run again stands below it. Pure; called by the list. */
import type { RunRow } from './protocol';

export interface Placed {
  run: RunRow;
  /** Whether it stands below the run that it runs again. */
  under: boolean;
}

/** Rows, newest first, with each group where its newest run is: the root, then what ran it again, newest first. */
export function grouped(rows: RunRow[]): Placed[] {
  const groups = new Map<string, RunRow[]>();
  for (const run of rows) {
    const root = run.root_run_id ?? run.run_id;
    groups.set(root, [...(groups.get(root) ?? []), run]);
  }
  return [...groups].flatMap(([root, runs]) => placed(root, runs));
}

function placed(root: string, runs: RunRow[]): Placed[] {
  const first = runs.find(run => run.run_id === root);
  if (!first) {
    return runs.map(run => ({ run, under: false }));
  }
  return [{ run: first, under: false }, ...runs.filter(run => run !== first).map(run => ({ run, under: true }))];
}
