/**
 * What can be told of a search here: what it finds by name or status, and whether somebody is still writing it. Pure;
 * called by the session.
 */
import type { StatusMap } from './protocol';
import { STATUS_ORDER } from './words';

const FIELDS = ['key', 'group', 'tag', 'kind', 'owner', 'status'];
const FUNCTIONS = ['sinks', 'roots'];
const STATUSES = [...STATUS_ORDER, 'missing'];

/** Whether more must or may well follow: an open bracket or quote, `group:`, `a and`, `+ord` of `orders`. */
export function isUnfinished(text: string, keys: readonly string[]): boolean {
  const written = text.replace(/"[^"]*"/g, 'x');
  const opened = written.split('(').length - written.split(')').length;
  if (written.includes('"') || opened > 0) {
    return true;
  }
  if (/(^|[\s(])(and|or|not)\s*$/i.test(written) || /^[\s\d]*\+[\s\d]*$/.test(written) || /[:=]$/.test(written)) {
    return true;
  }
  return isBegun(/[^\s(]*$/.exec(written)?.[0] ?? '', keys);
}

/** Whether the last word begins one that is known, and is none itself; a word alone is searched for as it is. */
function isBegun(token: string, keys: readonly string[]): boolean {
  const status = /^\+?status:(\w+)$/.exec(token)?.[1];
  if (status) {
    return !STATUSES.includes(status) && STATUSES.some(word => word.startsWith(status));
  }
  const word = /^\d*\+?([\w./-]+)$/.exec(token)?.[1] ?? '';
  const known = [...keys, ...FIELDS, ...FUNCTIONS, 'and', 'or', 'not'];
  return word !== '' && !keys.includes(word) && known.some(one => one.startsWith(word));
}

/** What the browser can find alone: names by a plain word, and `status:` with one word; null for the rest. */
export function matchesHere(text: string, status: StatusMap): Set<string> | null {
  const keys = Object.keys(status);
  const word = /^status:([a-z]+)$/.exec(text)?.[1];
  if (word) {
    const wanted = word === 'missing' ? 'never' : word;
    return (STATUS_ORDER as readonly string[]).includes(wanted)
      ? new Set(keys.filter(key => status[key].status === wanted))
      : null;
  }
  const low = text.toLowerCase();
  return /^[\w./-]+$/.test(text) ? new Set(keys.filter(key => key.toLowerCase().includes(low))) : null;
}
