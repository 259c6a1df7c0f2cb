/**
 * What the steps of a run are called: the shortest ending of the key that each makes which no other has, else its own
 * name. Pure; the kernel does the same for graphs (jobkernel/rules/short_names.py).
 */
import type { StepRow } from './protocol';

/** For each key its last part, and as many parts before it as tell it from all others. */
export function shortestEndings(keys: readonly string[]): Map<string, string> {
  const parts = new Map(keys.map(key => [key, key.split('/')]));
  const found = new Map<string, string>();
  for (let size = 1; found.size < parts.size; size++) {
    const endings = [...parts]
      .filter(([key]) => !found.has(key))
      .map(([key, own]) => [key, own.slice(-size).join('/')]);
    const times = new Map<string, number>();
    endings.forEach(([, ending]) => times.set(ending, (times.get(ending) ?? 0) + 1));
    for (const [key, ending] of endings) {
      if (times.get(ending) === 1 || ending === key) {
        found.set(key, ending);
      }
    }
  }
  return found;
}

/** What each step of a run is called, by its step key; and in whole. */
export interface StepNames {
  short: (step: string) => string;
  whole: (step: string) => string;
}

export function stepNames(steps: readonly Pick<StepRow, 'step_key' | 'key'>[]): StepNames {
  const whole = new Map(steps.map(step => [step.step_key, step.key ?? step.step_key]));
  const short = shortestEndings([...whole.values()]);
  const nameOf = (step: string) => whole.get(step) ?? step;
  return { whole: nameOf, short: step => short.get(nameOf(step)) ?? step };
}
