/** A kernel that is not there: answers from fixtures, lets runs move. For the development page. */
import type { Host, LayoutQuery, NodeStatus, Push, Scope, Snapshot } from '../src/protocol';
import { Refusal } from '../src/guards';
import { automationOf, preview } from './automation';
import { backfills } from './backfills';
import { detailsOf, runOf } from './facts';
import { flightsGraph, graphOf, many, neighbourhood, partOf, runs, snapshotOf } from './fixtures';
import type { Made } from './fixtures';
import { packed } from './pack';

export class FakeHost implements Host {
  initial: Snapshot | null;
  private snapshot: Snapshot;
  private readonly listeners = new Set<(push: Push) => void>();
  private readonly made: Made | null;
  /** What selections select. */
  chosen: string[] = [];
  /** Whether switches are refused. */
  stubborn = false;
  asked: [string, Record<string, unknown>][] = [];

  constructor(
    private readonly name: string,
    readonly fills: boolean
  ) {
    this.made = Number(name) ? many(Number(name)) : null;
    this.snapshot = snapshotOf(name);
    this.initial = name === 'slow' ? null : this.snapshot;
  }

  /** Be about a selection only, which selects these. */
  choose(selection: string, keys: string[]): void {
    this.chosen = keys;
    const graph = packed(partOf(flightsGraph('LR'), selection, keys));
    this.initial = { ...this.snapshot, graph };
  }

  onPush(listener: (push: Push) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  push(push: Push): void {
    this.listeners.forEach(listener => listener(push));
  }

  goto(key: string): void {
    console.log('goto', key);
  }

  openTab(): void {
    console.log('open tab');
  }

  async request(op: string, fields: Record<string, unknown>): Promise<unknown> {
    this.asked.push([op, fields]);
    await new Promise(done => setTimeout(done, 5));
    switch (op) {
      case 'snapshot':
        return this.snapshot;
      case 'layout':
        return this.layout(fields as LayoutQuery);
      case 'select':
        return this.select(String(fields.text));
      case 'details':
        return detailsOf(String(fields.key), this.snapshot.status[String(fields.key)]);
      case 'plan':
        return this.plan(fields.keys as string[], fields.scope as Scope);
      case 'materialize':
        return this.materialize(fields.keys as string[], Boolean(fields.include_missing));
      case 'runs':
        return {
          rows: runs().filter(
            r =>
              (fields.backfill ?? null) === (r.tags['dagster/backfill'] ?? null) &&
              (!fields.job || r.job_name === fields.job) &&
              (!fields.status || r.status === fields.status)
          ),
          more: !fields.backfill,
          backfills: backfills()
        };
      case 'run':
        return runOf(String(fields.run_id));
      case 'automation':
        return automationOf(String(fields.name));
      case 'ticks':
        return { rows: automationOf(String(fields.name)).ticks.filter(t => t.status === fields.status), more: false };
      case 'tick':
        return { log: preview().log, error: null };
      case 'scheduler':
        return { alive: true, turned_at: Date.now() - 400 };
      case 'switch':
        return this.switch(String(fields.name), Boolean(fields.on));
      case 'preview':
        return preview();
      case 'launch_preview':
        return { run_ids: ['90c4aa18d1'] };
      case 'set_cursor':
        return { cursor: fields.cursor };
      case 'reset_keys':
        return { text: 'The run key may be used again.' };
      case 'log':
        return { lines: [], ended: true };
      case 'replan': {
        if ((fields.steps as string[]).includes('report_plot')) {
          throw new Refusal("Step 'report_plot' needs a value that no run of this group made; run what makes it too.");
        }
        const n = fields.from_failure ? 4 : (fields.steps as string[]).length || 8;
        return { steps: [], expected_s: n * 12, text: `${n} ${n === 1 ? 'step' : 'steps'}, ~${n * 12} s` };
      }
      case 'cancel_backfill':
        return { text: '8 partitions are not launched; 1 running run is canceled' };
      case 'retry_backfill':
      case 'resume_backfill':
        return { text: '40 partitions of clean_flights' };
      case 'cancel':
        return { text: 'interrupts the query' };
      default:
        return { run_id: '90c4aa18d1' };
    }
  }

  private switch(name: string, on: boolean): unknown {
    if (this.stubborn) {
      throw new Refusal('The project server is away.');
    }
    const next = on ? [Date.now() + 3_600_000] : [];
    const rows = [{ name, on, next }];
    this.push({ push: 'status', seq: ++this.snapshot.seq, status: {}, runs: [], automation: { rows } });
    return { on, next };
  }

  private layout({ direction = 'TD', focus, depth = 1, selection }: LayoutQuery): unknown {
    if (selection) {
      return packed(partOf(flightsGraph(direction), selection, this.chosen));
    }
    if (!this.made) {
      return packed(flightsGraph(direction));
    }
    return packed(focus ? neighbourhood(this.made, focus, depth, direction) : graphOf(this.made, direction));
  }

  private select(text: string): unknown {
    if (text.includes('(')) {
      throw new Refusal("Selection 'sinks(' needs a closing bracket.");
    }
    const wanted = [
      'clean_flights',
      'delay_by_carrier',
      'report_plot',
      'delay_vs_weather',
      'flights_weather',
      'planes',
      'raw_flights',
      'weather',
      'airlines'
    ];
    return { keys: wanted };
  }

  private plan(keys: string[], scope: Scope): unknown {
    const n = scope === 'only' ? keys.length : scope === 'downstream' ? 5 : 2;
    return {
      keys,
      missing_upstream: keys.includes('delay_by_carrier') ? ['airlines'] : [],
      expected_s: 43,
      text: `${n} ${n === 1 ? 'step' : 'steps'}, ~${n * 9} s`
    };
  }

  private materialize(keys: string[], withMissing: boolean): unknown {
    if (keys.includes('delay_by_carrier') && !withMissing) {
      throw new Refusal("Asset 'delay_by_carrier' needs 'airlines', which was never made.");
    }
    for (const key of keys) {
      this.move(key, {
        status: 'running',
        started_at: Date.now(),
        usual_s: 4,
        run_id: '90c4aa18d1'
      });
      setTimeout(
        () => this.move(key, { status: 'fresh', at: Date.now(), started_at: null, error: null, cause: null }),
        4000
      );
    }
    return { run_id: '90c4aa18d1' };
  }

  private move(key: string, change: Partial<NodeStatus>): void {
    const status = { ...this.snapshot.status[key], ...change };
    this.snapshot = { ...this.snapshot, status: { ...this.snapshot.status, [key]: status } };
    this.push({ push: 'status', seq: ++this.snapshot.seq, status: { [key]: status }, runs: [] });
  }
}
