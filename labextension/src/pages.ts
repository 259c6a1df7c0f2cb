/**
 * The pages beside the graph: the list of runs, one run, schedules and sensors. Each is made when it is opened and let
 * go when it is left. Called by the app.
 */
import type { Page, Session } from './session';
import { AutomationView } from './view/automation';
import { put } from './view/dom';
import { RunsList } from './view/runs';
import { RunView } from './view/run';

export class Pages {
  private runs: RunsList | null = null;
  private run: RunView | null = null;
  private automation: AutomationView | null = null;

  constructor(
    private readonly session: Session,
    private readonly body: HTMLElement
  ) {}

  /** Let go of what the page that is open now does not show. */
  close({ tab, run }: Page): void {
    if (tab !== 'runs' || this.run?.runId !== run) {
      this.run?.dispose();
      this.run = null;
    }
    if (tab !== 'runs' || run) {
      this.runs = null;
    }
    if (tab !== 'automation') {
      this.automation?.dispose();
      this.automation = null;
    }
  }

  drawRuns({ run, step, backfill }: Page): void {
    if (run) {
      this.run ??= new RunView(this.session, run, step);
      put(this.body, this.run.element);
      return;
    }
    if (!this.runs) {
      this.runs = new RunsList(this.session);
      void this.runs.read();
    }
    put(this.body, this.runs.element);
    if (backfill) {
      this.runs.show(backfill);
    }
  }

  drawAutomation({ automation }: Page): void {
    this.automation ??= new AutomationView(this.session);
    if (this.body.firstChild !== this.automation.element || this.body.childElementCount !== 1) {
      put(this.body, this.automation.element);
    }
    this.automation.open(automation);
  }

  /** A push of runs came. */
  update(): void {
    this.runs?.update();
    this.run?.update();
  }

  tick(withRuns: boolean): void {
    if (withRuns) {
      this.runs?.tick();
    }
    this.run?.tick();
    this.automation?.tick();
  }

  dispose(): void {
    this.run?.dispose();
    this.automation?.dispose();
  }
}
