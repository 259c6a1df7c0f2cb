/**
 * Steps over time: attempts as bars (all but the last as outlines), waiting as a line, usual time still to come
 * as a dashed box, the longest path in full colour and joined. Called by the run's view.
 */
import { checksTone, checkWords, stepGlyph, stepWord } from '../checks';
import { stepNames } from '../endings';
import type { StepNames } from '../endings';
import { isActive } from '../protocol';
import type { Attempt, RunDetails, StepRow } from '../protocol';
import { againWords, clockTime, duration, exactTime, statusLabel, stepsWords } from '../words';
import type { Tone } from '../words';
import { h } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';

export interface Span {
  from: number;
  to: number;
}

/** From the first start to the last end or now, a little wider where estimates reach beyond. Milliseconds. */
export function spanOf(run: RunDetails, now: number): Span {
  const starts = run.steps.flatMap(step => step.started_at ?? []);
  const from = Math.min(run.started_at ?? Infinity, ...starts);
  if (!Number.isFinite(from)) {
    return { from: now, to: now + 1000 };
  }
  const ends = run.steps.map(step => endOf(step, now));
  const end = isActive(run)
    ? Math.max(now, ...ends)
    : Math.max(run.ended_at ?? 0, ...run.steps.flatMap(step => step.ended_at ?? []), from + 1);
  return { from, to: Math.max(from + 50, end) };
}

function endOf(step: StepRow, now: number): number {
  if (step.ended_at !== null) {
    return step.ended_at;
  }
  const usual = (step.usual_s ?? 0) * 1000;
  return step.started_at === null ? now : Math.max(now, step.started_at + usual);
}

/** Round steps for the axis, at most six, in seconds. */
export function axisTicks({ from, to }: Span): number[] {
  const whole = (to - from) / 1000;
  const rough = whole / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough) ?? rough;
  return Array.from({ length: Math.floor(whole / step + 1e-9) }, (_, i) => (i + 1) * step).filter(
    t => t < whole * 0.96
  );
}

/** `choose` is told the step and whether it is added to those chosen (Ctrl, ⌘ or Shift held, or the key X). */
type Choose = (step: string, more: boolean) => void;

export function ganttBlock(run: RunDetails, chosen: ReadonlySet<string>, choose: Choose): HTMLElement {
  const now = Date.now();
  const span = spanOf(run, now);
  const longest = new Set(run.longest_path);
  const names = stepNames(run.steps);
  const path = run.longest_path.length > 1 ? `. Longest path: ${run.longest_path.map(names.short).join(', ')}` : '';
  return h(
    'div.jk-gantt',
    null,
    h(
      'div.jk-row.jk-gh',
      null,
      h('span.jk-h', null, 'Steps'),
      h('span.jk-mut.jk-cut', { title: stepsWords(run.steps) + path }, stepsWords(run.steps) + path)
    ),
    axis(
      span,
      run.steps.some(step => step.usual_s !== null)
    ),
    h(
      'div.jk-lanes',
      null,
      run.steps.map(step => {
        const isChosen = chosen.has(step.step_key);
        return [
          row(step, names, { span, now, critical: longest.has(step.step_key), chosen: isChosen, choose }),
          isChosen && (step.attempts.length > 1 || step.again_at !== null) ? attemptRows(step, now) : null,
          isChosen && step.checks.length ? checkRows(step) : null
        ];
      })
    )
  );
}

const place = (at: number, { from, to }: Span): string => `${(((at - from) / (to - from)) * 100).toFixed(2)}%`;

function axis(span: Span, usual: boolean): HTMLElement {
  const tick = (t: number) =>
    h('b', { style: `left:${place(span.from + t * 1000, span)}` }, duration(t).replace('.0 s', ' s'));
  return h(
    'div.jk-axis',
    { 'aria-hidden': 'true' },
    h('span'),
    h('div', null, h('b', { style: 'left:0;transform:none' }, clockTime(span.from)), axisTicks(span).map(tick)),
    h('span.jk-num', null, 'took'),
    h('span.jk-num', null, usual ? 'usual' : '')
  );
}

interface RowLook {
  span: Span;
  now: number;
  critical: boolean;
  chosen: boolean;
  choose: Choose;
}

function row(step: StepRow, names: StepNames, { span, now, critical, chosen, choose }: RowLook): HTMLElement {
  const failed = step.status === 'failed';
  const tone = failed ? 'fail' : checksTone([step]);
  const look = `${failed ? 'jk-bad' : ''}.${chosen ? 'jk-on' : ''}`;
  const whole = names.whole(step.step_key);
  const words = [whole, stepWord(step), duration(step.duration_s), ...said(step, now)].join(', ');
  return h(
    `div.jk-gr.${look}`,
    {
      role: 'button',
      tabindex: 0,
      'data-step': step.step_key,
      'aria-label': words,
      'aria-pressed': String(chosen),
      onclick: (event: MouseEvent) => choose(step.step_key, event.ctrlKey || event.metaKey || event.shiftKey),
      onkeydown: (event: KeyboardEvent) =>
        ['Enter', 'x'].includes(event.key) && choose(step.step_key, event.key === 'x' || event.shiftKey)
    },
    h(
      'div.jk-row.jk-gap6',
      null,
      h(`span.jk-stepg.jk-row${tone ? `.jk-t-${tone}` : ''}`, null, glyph(stepGlyph(step))),
      h(
        `span.jk-cut.${failed ? 'jk-b' : step.started_at === null ? 'jk-mut' : ''}`,
        { title: whole },
        names.short(step.step_key)
      )
    ),
    h('div.jk-lane', null, bars(step, span, now, critical)),
    h(
      `span.jk-num.${failed ? 'jk-b' : ''}`,
      null,
      step.status === 'running' && step.started_at !== null
        ? duration(Math.floor((now - step.started_at) / 1000))
        : duration(step.duration_s)
    ),
    h('span.jk-num.jk-mut', null, duration(step.usual_s))
  );
}

/** How often it was tried, when it is tried again, why it waits or did not run. */
function said(step: StepRow, now: number): string[] {
  const tries = step.attempts.length;
  const again = step.again_at === null ? null : againWords(step.again_at, now);
  const facts = [tries > 1 ? `${tries} attempts` : null, again, step.reason].filter(one => one !== null);
  return [...facts, ...checkWords(step)];
}

/** Each attempt in a line: when it began, how long it took, what went wrong, when the next one came. */
function attemptRows(step: StepRow, now: number): HTMLElement {
  return h(
    'div.jk-tries',
    { role: 'list', 'aria-label': `Attempts at ${step.step_key}` },
    step.attempts.map(attempt => {
      const took = attempt.started_at === null ? null : ((attempt.ended_at ?? now) - attempt.started_at) / 1000;
      const after = attempt.delay_s === null ? '' : `again in ${duration(attempt.delay_s).replace('.0 s', ' s')}`;
      return h(
        'div.jk-try',
        { role: 'listitem' },
        h('span', null, `attempt ${attempt.number}`),
        h('span.jk-cut', { title: attempt.error }, attempt.error ?? statusLabel(attempt.status)),
        h('span.jk-mut.jk-nw', null, after),
        h('span.jk-num.jk-nw', null, duration(took))
      );
    })
  );
}

/** Each check in a line: what it came to, how bad that is, why. */
function checkRows(step: StepRow): HTMLElement {
  return h(
    'div.jk-tries',
    { role: 'list', 'aria-label': `Checks of ${step.key ?? step.step_key}` },
    step.checks.map(({ name, passed, severity, description }) =>
      h(
        'div.jk-try.jk-trycheck',
        { role: 'listitem' },
        h(
          'span.jk-row.jk-gap6',
          null,
          glyph(passed ? 'fresh' : severity === 'WARN' ? 'warning' : 'failed', 12, passed ? 'passed' : 'failed'),
          `check ${name}`
        ),
        h('span.jk-cut', { title: description }, description),
        h('span.jk-mut.jk-nw', null, passed ? 'passed' : severity)
      )
    )
  );
}

function bars(step: StepRow, span: Span, now: number, critical: boolean): Child[] {
  const attempts: Attempt[] = step.attempts.length
    ? step.attempts
    : step.started_at === null
      ? []
      : [{ ...UNTOLD, started_at: step.started_at, ended_at: step.ended_at, status: step.status }];
  const drawn: Child[] = attempts.map((attempt, i) => bar(attempt, i === attempts.length - 1, span, now, critical));
  attempts
    .slice(1)
    .forEach((attempt, i) => drawn.push(box('jk-bar-wait', attempts[i].ended_at, attempt.started_at, span)));
  if (
    step.status === 'running' &&
    step.usual_s &&
    step.started_at !== null &&
    step.started_at + step.usual_s * 1000 > now
  ) {
    drawn.push(box('jk-bar-est', now, step.started_at + step.usual_s * 1000, span));
  }
  const words = said(step, now).join(', ');
  const last = attempts[attempts.length - 1];
  return words
    ? [
        ...drawn,
        label(
          words,
          checksTone([step]),
          attempts[0]?.started_at ?? span.from,
          last ? (last.ended_at ?? now) : span.from,
          span
        )
      ]
    : drawn;
}

const UNTOLD = { number: 1, error: null, delay_s: null };
const BAR: Record<string, string> = { failed: 'jk-bar-fail', running: 'jk-bar-run', canceled: 'jk-bar-stop' };

function bar(attempt: Attempt, last: boolean, span: Span, now: number, critical: boolean): Child {
  const usual = critical ? 'jk-bar-crit' : 'jk-bar-ok';
  const look = last && attempt.delay_s === null ? (BAR[attempt.status] ?? usual) : 'jk-bar-try';
  const words = attempt.error ? `attempt ${attempt.number}: ${attempt.error}\n` : '';
  return box(look, attempt.started_at, attempt.ended_at ?? now, span, words);
}

function box(look: string, from: number | null, to: number | null, span: Span, words = ''): Child {
  if (from === null || to === null) {
    return null;
  }
  const width = Math.max(0, to - from) / (span.to - span.from);
  return h(`i.${look}`, {
    style: `left:${place(from, span)};width:max(3px,${(width * 100).toFixed(2)}%)`,
    title: `${words}${exactTime(from)}, ${duration((to - from) / 1000)}`
  });
}

/** After its bars, before them where there is no room after, and over their end where there is none before either. */
function label(words: string, tone: Tone, begin: number, end: number, span: Span): Child {
  const share = (at: number) => (at - span.from) / (span.to - span.from);
  const look = `span.jk-lb${tone ? `.jk-t-${tone}` : ''}`;
  if (share(end) <= 0.7) {
    return h(look, { style: `left:calc(${place(end, span)} + ${share(end) ? 6 : 0}px)`, title: words }, words);
  }
  return share(begin) < 0.3
    ? h(`${look}.jk-over`, { title: words }, words)
    : h(look, { style: `right:calc(100% - ${place(begin, span)} + 6px)`, title: words }, words);
}
