/** What a cell defines, read off its text. Pure; called by the strips above cells and by "go to cell". */
export interface Definition {
  kind: 'asset' | 'op' | 'schedule' | 'sensor';
  key: string;
}

const FIRST_LINE = /^(?:%%|#[ \t]*jk:[ \t]*)(asset|op|schedule|sensor)(?=\s|$)([^\n]*)/;
/** A schedule in one line; `%schedule NAME on` only switches. */
const SCHEDULE_LINE = /^%(schedule)[ \t]+([^\n]*--(?:cron|job)\b[^\n]*)/m;
const WORD = /(?:"[^"]*"|'[^']*'|[^\s"'])+/g;
/** The options that take no value; the kernel's side is notebook/usages.py. */
const FLAGS = ['--no-infer', '--sql', '--run', '-r', '--quiet', '-q', '--take-over', '--on', '--on-failure', '--single-run'];
const FUNCTION = /^(?:async[ \t]+)?def[ \t]+(\w+)/gm;
const SPEAKS =
  /^\s*(?:%load_ext +jobkernel|%%(?:asset|op|job|check|resource|schedule|sensor)\b|#[ \t]*jk:|%jk\b)|\bimport +jobkernel\b|\bfrom +jobkernel\b/m;

export function definitionOf(source: string): Definition | null {
  const text = source.trimStart();
  const found = FIRST_LINE.exec(text) ?? SCHEDULE_LINE.exec(text);
  const key = found && (nameAmong(found[2]) ?? nameOfFunction(text));
  return key ? { kind: found[1] as Definition['kind'], key } : null;
}

/** The word of a magic's line that is neither an option nor an option's value. */
function nameAmong(line: string): string | null {
  const words = (line.match(WORD) ?? []).map(word => word.replace(/["']/g, ''));
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (!word.startsWith('-')) {
      return word;
    }
    const holdsItsValue = word.startsWith('--') ? word.includes('=') : word.length > 2;
    at += FLAGS.includes(word) || holdsItsValue ? 0 : 1;
  }
  return null;
}

/** The name of the one function that a cell without a name is made of. */
function nameOfFunction(text: string): string | null {
  const names = [...text.matchAll(FUNCTION)].map(found => found[1]);
  return names.length === 1 ? names[0] : null;
}

/** Whether it is a schedule or sensor: names of their own, apart from those of assets. */
export const isAutomation = (found: Definition | null): boolean =>
  found?.kind === 'schedule' || found?.kind === 'sensor';

/** Whether code looks as if jobkernel were used, so that it is worth asking the kernel. */
export const speaksOfJobkernel = (source: string): boolean => SPEAKS.test(source);
