/**
 * One run: what became of it and why, its steps over time, the error before the log, the log, and what can be
 * done: cancel, run again. Reads `run` again while it moves and adds log lines as they come.
 */
import { stepNames } from '../endings';
import { cancel, cancelFace, goToCell } from '../actions';
import { checksOfRun, checksTone } from '../checks';
import { isActive, runGlyph } from '../protocol';
import type { RunDetails } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { dayTime, duration, exactTime, retryWords, runWord, shortId, triggerWords, waitWords } from '../words';
import { againButton } from './again';
import { errorBlock } from './code';
import { h, put } from './dom';
import type { Child } from './dom';
import { ganttBlock } from './gantt';
import { glyph } from './glyphs';
import { LogView } from './log';
import { button, iconButton } from './menu';
import { putOff } from './press';
import { skeleton, trouble } from './states';

const REREAD_EVERY = 500;
const LOG_EVERY = 700;

export class RunView {
  readonly element = h('div.jk-run');
  private readonly top = h('div');
  private readonly log: LogView;
  private shown: RunDetails | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due: ReturnType<typeof setTimeout> | undefined;
  private logTimer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private chosen: ReadonlySet<string>;

  constructor(
    private readonly session: Session,
    readonly runId: string,
    step: string | null
  ) {
    this.chosen = new Set(step === null ? [] : [step]);
    this.log = new LogView(() => this.choose(new Set()));
    this.log.setSteps(this.chosen);
    this.element.append(this.top);
    this.timer = setTimeout(() => this.shown ?? put(this.top, this.back(), skeleton()), 300);
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      const run = await this.session.ask('run', { run_id: this.runId });
      if (this.closed) {
        return;
      }
      const first = this.shown === null;
      this.shown = run;
      if (first) {
        this.element.append(this.log.element);
        this.log.names = stepNames(run.steps);
        this.log.reset(run.log);
        void this.readLog();
      }
      this.draw();
    } catch (error) {
      if (!this.closed && !this.session.gone && !this.shown) {
        put(
          this.top,
          this.back(),
          trouble(sentence(error), () => void this.read())
        );
      }
    }
    clearTimeout(this.timer);
  }

  /** A push named this run, or time passes while it runs. */
  update(): void {
    if (!this.shown) {
      return;
    }
    const row = this.session.snapshot?.runs.find(run => run.run_id === this.runId);
    const moved =
      row !== undefined &&
      (row.status !== this.shown.status ||
        row.steps_done !== this.shown.steps_done ||
        row.waiting !== this.shown.waiting ||
        row.cancel !== this.shown.cancel ||
        row.abandoned.length !== this.shown.abandoned.length ||
        row.steps_failed !== this.shown.steps_failed);
    if (moved || isActive(this.shown)) {
      this.readSoon();
    }
  }

  /** Read again soon; what comes meanwhile does not put that off, or the page of a busy kernel would stand still. */
  private readSoon(): void {
    this.due ??= setTimeout(() => {
      this.due = undefined;
      void this.read();
    }, REREAD_EVERY);
  }

  tick(): void {
    if (this.shown && isActive(this.shown)) {
      this.update();
    }
  }

  private async readLog(): Promise<void> {
    if (this.closed) {
      return;
    }
    let ended = false;
    try {
      const answer = await this.session.ask('log', { run_id: this.runId, step_key: null, after: this.log.last });
      this.log.add(answer.lines);
      ended = answer.ended;
    } catch {
      ended = !this.session.gone && !(this.shown && isActive(this.shown));
    }
    if (!ended) {
      this.logTimer = setTimeout(() => void this.readLog(), LOG_EVERY);
    }
  }

  /** Choose one step, or none where it was the only one; with more, add or take away. */
  private chooseStep(name: string, more: boolean): void {
    const { chosen } = this;
    const others = more ? [...chosen].filter(step => step !== name) : [];
    const goes = chosen.has(name) && (more || chosen.size === 1);
    this.choose(new Set(goes ? others : [...others, name]));
  }

  private choose(steps: ReadonlySet<string>): void {
    this.chosen = steps;
    this.log.setSteps(steps);
    this.draw();
  }

  /** The steps to run again: those chosen here, else the one selected in the graph, else the one that failed. */
  private stepsAtHand(run: RunDetails): string[] {
    if (this.chosen.size) {
      return [...this.chosen];
    }
    const inGraph = this.session.selected?.replace(/^op:[^/]*\//, '').replace(/\//g, '__');
    const known = (name: string | null | undefined) => run.steps.find(step => step.step_key === name)?.step_key;
    return [known(inGraph) ?? known(run.error_step)].filter(step => step !== undefined);
  }

  private readonly draw = (): void => {
    if (this.closed || putOff(this.draw)) {
      return;
    }
    const run = this.shown as RunDetails;
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.step;
    const error = run.error;
    put(
      this.top,
      this.head(run),
      run.steps.length ? ganttBlock(run, this.chosen, (name, more) => this.chooseStep(name, more)) : null,
      error
        ? h(
            'div.jk-err',
            null,
            errorBlock(
              error,
              this.session.host.goto && run.error_step
                ? () => void goToCell(this.session, run.error_step as string)
                : null
            )
          )
        : null
    );
    if (focused) {
      this.top.querySelector<HTMLElement>(`[data-step="${CSS.escape(focused)}"]`)?.focus();
    }
  };

  private back(): HTMLElement {
    return iconButton('left', 'Back to runs (Esc)', () => this.session.open({ tab: 'runs' }), 'sm');
  }

  private head(run: RunDetails): HTMLElement {
    const tone =
      { FAILURE: 'jk-t-fail', STARTED: 'jk-t-run', STARTING: 'jk-t-run', CANCELING: 'jk-t-run' }[
        run.status as string
      ] ?? (checksTone(run.steps) ? `jk-t-${checksTone(run.steps)}` : 'jk-mut');
    const word =
      run.status === 'FAILURE' && run.error_step
        ? [`failed at ${run.error_step}`, this.next(run)].filter(Boolean).join(', ')
        : run.waiting && run.status === 'QUEUED'
          ? `queued: ${waitWords(run.waiting)}`
          : [runWord(run.status), checksOfRun(run.steps), this.next(run)].filter(Boolean).join(', ');
    return h(
      'div.jk-rhead',
      null,
      h(
        'div.jk-row',
        null,
        this.back(),
        glyph(runGlyph(run.status), 16),
        h('span.jk-title.jk-cut', { title: run.title }, run.title),
        h('code.jk-mut', { title: run.run_id }, shortId(run.run_id)),
        h(`span.jk-b.jk-cut.jk-became.${tone}`, { title: word }, word),
        h('span.jk-grow'),
        this.buttons(run)
      ),
      h('div.jk-facts', null, this.times(run), this.origin(run))
    );
  }

  private buttons(run: RunDetails): Child {
    if (isActive(run)) {
      const { label, title } = cancelFace(this.session, run);
      return button(label, () => void cancel(this.session, run.run_id, run.status), { icon: 'stop', title });
    }
    const done = run.steps.filter(step => step.status === 'fresh').length;
    return againButton(this.session, { run_id: run.run_id, status: run.status, done }, () => this.stepsAtHand(run));
  }

  private next(run: RunDetails): string {
    return retryWords(run, id => Boolean(this.session.snapshot?.runs.some(row => row.run_id === id)));
  }

  private times(run: RunDetails): Child {
    const begun = run.started_at ?? run.queued_at;
    const day = dayTime(begun, Date.now());
    const waited = run.started_at !== null && run.queued_at !== null ? (run.started_at - run.queued_at) / 1000 : 0;
    const took = isActive(run) && run.started_at !== null ? (Date.now() - run.started_at) / 1000 : run.duration_s;
    return h(
      'div',
      null,
      h('span', { title: exactTime(begun) }, day ? day[0].toUpperCase() + day.slice(1) : 'Not started'),
      took === null
        ? null
        : [
            isActive(run) ? ', running for ' : ', took ',
            h('b', null, duration(isActive(run) ? Math.floor(took) : took))
          ],
      waited > 0.5 ? `, waited ${duration(waited)}` : null
    );
  }

  private origin(run: RunDetails): Child {
    const parent = run.parent_run_id;
    const tags = Object.entries(run.tags).filter(([name]) => !name.startsWith('.') && !name.startsWith('dagster/'));
    const started = triggerWords(run);
    const parts: Child[] = [started && started[0].toUpperCase() + started.slice(1)];
    if (parent) {
      parts.push(' of ', this.link(parent));
    }
    const next = run.tags['dagster/auto_retry_run_id'];
    if (next && this.next(run).endsWith(shortId(next))) {
      parts.push(', retried as ', this.link(next));
    }
    if (run.notebook) {
      parts.push(', in ', h('b', null, run.notebook));
    }
    if (run.priority) {
      parts.push(', priority ', h('b', null, run.priority));
    }
    if (run.partition_key) {
      parts.push(', partition ', h('b', null, run.partition_key));
    }
    parts.push(
      run.executor ? `, on ${run.executor}` : '',
      tags.length ? `, ${tags.map(([k, v]) => `${k}=${v}`).join(', ')}` : ''
    );
    return h('div.jk-cut', null, parts);
  }

  private link(runId: string): HTMLElement {
    const go = () => this.session.open({ tab: 'runs', run: runId });
    return h('button.jk-link', { type: 'button', onclick: go }, shortId(runId));
  }

  dispose(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.due);
    clearTimeout(this.logTimer);
  }
}
