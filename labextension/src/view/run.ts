/**
 * One run: what became of it and why, its steps over time, the error before the log, the log, and what can be
 * done: cancel, run again. Reads `run` again while it moves and adds log lines as they come.
 */
import { cancel, cancelWords, goToCell, reexecute } from '../actions';
import { isActive, runGlyph } from '../protocol';
import type { RunDetails } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { dayTime, duration, exactTime, plural, runWord, shortId, triggerWords } from '../words';
import { errorBlock } from './code';
import { h, put } from './dom';
import type { Child } from './dom';
import { ganttBlock } from './gantt';
import { glyph } from './glyphs';
import { LogView } from './log';
import { button, iconButton, splitButton } from './menu';
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
  private logTimer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(
    private readonly session: Session,
    readonly runId: string,
    private step: string | null
  ) {
    this.log = new LogView(name => this.chooseStep(name));
    this.log.setStep(step);
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
        row.steps_failed !== this.shown.steps_failed);
    if (moved || isActive(this.shown)) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.read(), REREAD_EVERY);
    }
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

  private chooseStep(name: string | null): void {
    this.step = this.step === name ? null : name;
    this.log.setStep(this.step);
    this.draw();
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
      run.steps.length ? ganttBlock(run, this.step, name => this.chooseStep(name)) : null,
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
      ] ?? 'jk-mut';
    const word =
      run.status === 'FAILURE' && run.error_step
        ? `failed at ${run.error_step}`
        : run.waiting && run.status === 'QUEUED'
          ? `queued: ${run.waiting}`
          : runWord(run.status);
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
      const label = run.status === 'CANCELING' ? 'Cancel again' : 'Cancel';
      return button(label, () => void cancel(this.session, run.run_id), {
        icon: 'stop',
        title: cancelWords(this.session, run.run_id)
      });
    }
    const again = () => void reexecute(this.session, run.run_id, 'all');
    if (run.status === 'SUCCESS') {
      return button('Re-run', again, { look: 'sm.pri', icon: 'play' });
    }
    const done = run.steps.filter(step => step.status === 'fresh').length;
    const fromFailure = () => void reexecute(this.session, run.run_id, 'from failure');
    return splitButton(
      'Re-run from failure',
      fromFailure,
      () => [
        {
          label: 'From failure',
          note: plural(run.steps.length - done, 'step'),
          small: done ? `Keeps the ${plural(done, 'step')} that ${done === 1 ? 'is' : 'are'} done` : '',
          run: fromFailure
        },
        { label: 'All steps', note: plural(run.steps.length, 'step'), run: again, before: 'line' }
      ],
      { look: 'sm.pri' }
    );
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
    const started = triggerWords(run.trigger);
    const parts: Child[] = [started && started[0].toUpperCase() + started.slice(1)];
    if (parent) {
      parts.push(
        run.trigger === 'reexecution' ? ' from ' : ', again of ',
        h(
          'button.jk-link',
          { type: 'button', onclick: () => this.session.open({ tab: 'runs', run: parent }) },
          shortId(parent)
        )
      );
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

  dispose(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.logTimer);
  }
}
