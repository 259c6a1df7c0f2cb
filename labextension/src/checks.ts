/** How the checks of a run's steps are said and how their steps are drawn. Pure; called by the page of a run. */
import type { StepCheck, StepRow } from './protocol';
import type { Tone } from './words';
import { plural, statusLabel } from './words';

export const failedChecks = (step: StepRow): StepCheck[] => step.checks.filter(check => !check.passed);
const isError = (check: StepCheck): boolean => check.severity !== 'WARN';

/** The worst that checks say of steps: `fail` for a failed one, `warn` for one that failed as a warning. */
export const checksTone = (steps: readonly StepRow[]): Tone => {
  const failed = steps.flatMap(failedChecks);
  return failed.some(isError) ? 'fail' : failed.length ? 'warn' : '';
};

/** A step that succeeded is drawn as what its checks say of it: failed, or a warning. */
export function stepGlyph(step: StepRow): StepRow['status'] | 'warning' {
  const tone = step.status === 'fresh' ? checksTone([step]) : '';
  return tone ? (tone === 'fail' && isCheckAlone(step) ? 'failed' : 'warning') : step.status;
}

/** Whether a step makes nothing but check. */
const isCheckAlone = (step: StepRow): boolean => step.key === null && step.checks.length > 0;

/** `check positive failed (WARN): 1 row is negative`, one for each that failed. */
export const checkWords = (step: StepRow): string[] =>
  failedChecks(step).map(check => {
    const about = check.description ? `: ${check.description}` : '';
    return `check ${check.name} failed (${check.severity})${about}`;
  });

/** What is heard of a step: its status, and that checks failed in it. */
export const stepWord = (step: StepRow): string => {
  const failed = failedChecks(step).length;
  return failed ? `${statusLabel(step.status)}, ${plural(failed, 'check')} failed` : statusLabel(step.status);
};

/** `2 checks failed`, `1 check failed as a warning`, of a whole run; nothing where none did. */
export function checksOfRun(steps: readonly StepRow[]): string {
  const failed = steps.flatMap(failedChecks);
  const errors = failed.filter(isError).length;
  const warned = failed.length - errors;
  const words = [
    errors ? `${plural(errors, 'check')} failed` : '',
    warned ? `${plural(warned, 'check')} failed as ${warned === 1 ? 'a warning' : 'warnings'}` : ''
  ];
  return words.filter(Boolean).join(', ');
}
