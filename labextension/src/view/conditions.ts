/**
 * Why an asset makes itself or does not: the sentence of the last look at its condition, and its tree, open where it is
 * decided. Knows what the kernel tells; called by the details of assets and of the sensors that look.
 */
import type { ConditionShown, ConditionTree } from '../protocol';
import type { Session } from '../session';
import { age, count, exactTime, plural } from '../words';
import { h } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';
import type { GlyphName } from './glyphs';
import { runLink } from './run_link';

const GLYPH: Record<ConditionTree['status'], GlyphName> = {
  true: 'fresh',
  false: 'unmet',
  partly: 'some',
  moot: 'skipped'
};
const WORD: Record<ConditionTree['status'], string> = {
  true: 'true',
  false: 'not true',
  partly: 'true of some partitions',
  moot: 'not asked'
};
const OPERATORS: Record<string, string> = { and: 'all of', or: 'any of', not: 'not' };

/** Which folds a person has opened or closed: what shows them draws anew with every look. */
const folds = new WeakMap<Session, Map<string, boolean>>();

const foldsOf = (session: Session): Map<string, boolean> => {
  const known = folds.get(session) ?? new Map<string, boolean>();
  folds.set(session, known);
  return known;
};

/** Whether a part is not as it has to be for the whole to come true. */
export const blocks = (part: ConditionTree, wanted: boolean): boolean =>
  part.status !== 'moot' && part.status !== String(wanted);

/** How each part of a whole has to be: below `not`, and second below `since`, the other way round. */
export const wantedOf = (whole: ConditionTree, place: number, wanted: boolean): boolean =>
  whole.operator === 'not' || (isSince(whole) && place === 1) ? !wanted : wanted;

const isSince = (part: ConditionTree): boolean => part.label === 'SINCE' || part.name === 'SINCE';

/** Why it is requested or not, since when, by which sensor; and the tree. */
export function conditionBody(session: Session, told: ConditionShown): Child[] {
  return [
    h('div.jk-wrap', null, told.why ?? 'Nobody has looked at it yet.'),
    facts(session, told),
    tree(session, told)
  ];
}

function facts(session: Session, told: ConditionShown): HTMLElement {
  const now = Date.now();
  const since = told.at === null ? null : `since ${age(told.at, now).replace(/^(?!now)(.+)$/, '$1 ago')}`;
  const { automation } = told;
  const open = () => session.open({ tab: 'automation', automation });
  return h(
    'div.jk-mut.jk-wrap.jk-condfacts',
    null,
    since ? h('span', { title: exactTime(told.at) }, since.replace('since now', 'found now')) : null,
    automation
      ? [since ? ', by ' : 'by ', h('button.jk-link', { type: 'button', onclick: open }, automation)]
      : 'no sensor looks at it',
    automation && !told.on ? h('span.jk-t-warn', null, ', which is off') : null,
    told.run_ids.length ? [', made by ', runLink(session, told.run_ids[0])] : null
  );
}

function tree(session: Session, told: ConditionShown): Child {
  return told.tree
    ? h(
        'ul.jk-cond',
        { 'aria-label': `What the condition ${told.condition} came to` },
        branch(session, told.tree, true, true, told.key)
      )
    : h('div.jk-mut', null, told.condition);
}

function branch(session: Session, part: ConditionTree, wanted: boolean, isOpen: boolean, path: string): HTMLElement {
  const [below, negated] = inner(part);
  const children = below.children ?? [];
  const line = face(session, part);
  if (!children.length && !below.left_out) {
    return h('li', { class: `jk-c-${part.status}` }, h('div.jk-condline', null, h('span.jk-condgap'), line));
  }
  const known = foldsOf(session);
  const inside = h('ul');
  const fold = h(
    'details.jk-condfold',
    { open: known.get(path) ?? isOpen },
    h('summary.jk-condline', null, line),
    inside
  ) as HTMLDetailsElement;
  const build = () => {
    if (!inside.childElementCount) {
      inside.append(
        ...children.map((child, i) => {
          const needed = wantedOf(below, i, negated ? !wanted : wanted);
          return branch(session, child, needed, isOpen && blocks(child, needed), `${path}/${i}`);
        })
      );
      if (below.left_out) {
        inside.append(h('li.jk-mut', null, `${plural(below.left_out, 'more part')}, not kept`));
      }
    }
  };
  fold.addEventListener('toggle', () => {
    if (fold.open !== (known.get(path) ?? isOpen)) {
      known.set(path, fold.open);
    }
    build();
  });
  build();
  return h('li', { class: `jk-c-${part.status}` }, fold);
}

/** What a part is about: below `not` with one part that is the part, and they share a line. */
function inner(part: ConditionTree): [below: ConditionTree, negated: boolean] {
  const only = part.operator === 'not' && part.children?.length === 1 ? part.children[0] : null;
  return only && only.operator !== 'not' ? [only, true] : [part, false];
}

function face(session: Session, part: ConditionTree): Child[] {
  const [below, negated] = inner(part);
  const operator = OPERATORS[below.operator ?? ''] ?? (isSince(below) ? 'first, newer than second' : '');
  const isPlain = below.label.toLowerCase() === below.operator || below.label === 'SINCE';
  const partitions = part.of > 1 ? `${count(part.true)} of ${count(part.of)}` : '';
  return [
    glyph(GLYPH[part.status], 12, WORD[part.status]),
    negated ? h('span.jk-mut', null, 'not') : null,
    isPlain ? null : nameOf(session, below),
    operator ? h('span.jk-mut', null, operator) : null,
    partitions ? h('span.jk-mut.jk-num', { title: part.partitions }, partitions) : null,
    part.of > 1 && part.partitions ? h('span.jk-mut.jk-cut', { title: part.partitions }, part.partitions) : null
  ];
}

/** What a part is called; an asset leads to it. */
function nameOf(session: Session, part: ConditionTree): HTMLElement {
  const open = (event: Event) => {
    event.preventDefault(); // in the line of a fold
    session.open({ tab: 'graph' });
    session.select(part.label);
  };
  return !part.operator && session.snapshot?.status[part.label] !== undefined
    ? h('button.jk-link', { type: 'button', onclick: open }, part.label)
    : h('span.jk-condname', null, part.label);
}

/** What a sensor of conditions looks at: a line each, that opens on its tree; requested ones first. */
export function conditionList(session: Session, told: readonly ConditionShown[], more: number): HTMLElement {
  const known = foldsOf(session);
  const ordered = [...told].sort((a, b) => Number(b.requested > 0) - Number(a.requested > 0));
  return h(
    'div.jk-conds',
    null,
    ordered.map(one => {
      const path = `list:${one.key}`;
      const body = h('div.jk-condbody');
      const fold = h(
        'details.jk-condone',
        { open: known.get(path) ?? false },
        h(
          'summary.jk-condline',
          null,
          glyph(one.requested ? 'fresh' : 'unmet', 14, one.requested ? 'requested' : 'not requested'),
          h('span.jk-b.jk-nw', null, one.key),
          h('span.jk-cut.jk-mut.jk-condwhy', { title: one.why }, one.why ?? 'Nobody has looked at it yet.')
        ),
        body
      ) as HTMLDetailsElement;
      const build = () =>
        fold.open && !body.childElementCount && body.append(...[conditionBody(session, one)].flat(9).filter(isNode));
      fold.addEventListener('toggle', () => {
        known.set(path, fold.open);
        build();
      });
      build();
      return fold;
    }),
    more ? h('div.jk-mut', null, `and ${plural(more, 'more condition')}`) : null
  );
}

const isNode = (child: Child): child is Node => child instanceof Node;
