/** What the line above a `%%schedule` or `%%sensor` cell says: its last look, when it looks next, its switch. */
import { lastFace, nextWords } from '../automation';
import type { AutomationRow, RunRow } from '../protocol';
import { exactTime } from '../words';
import { h } from '../view/dom';
import type { Child } from '../view/dom';
import { glyph } from '../view/glyphs';
import { Switch } from '../view/switch';

export interface StripActs {
  refusal: string | undefined;
  show: (name: string) => void;
  flip: (row: AutomationRow) => Promise<void>;
}

export function automationParts(row: AutomationRow, runs: readonly RunRow[], acts: StripActs): Child[] {
  const now = Date.now();
  const face = lastFace(row, runs, now);
  const [next] = nextWords(row, now);
  const toggle = new Switch(acts.flip);
  toggle.update(row);
  const said = acts.refusal ?? row.trouble;
  return [
    toggle.element,
    glyph(face.glyph, 14, face.what),
    said
      ? h(`span.jk-cut.${acts.refusal ? 'jk-t-fail' : 'jk-t-warn'}`, { title: said, role: 'alert' }, said)
      : h(`span.jk-cut.${face.tone === 'fail' ? 'jk-t-fail' : ''}`, { title: face.what }, face.what),
    h('span.jk-mut.jk-nw', { title: exactTime(row.last?.at ?? null) }, row.last ? face.when : null),
    h(
      'span.jk-mut.jk-nw',
      { title: row.next.length ? exactTime(row.next[0]) : '' },
      row.on ? (next === '–' ? '' : next === 'looking' ? next : `next ${next}`) : 'off'
    ),
    h(
      'button.jk-link.jk-mut',
      { type: 'button', title: 'Show its looks', onclick: () => acts.show(row.name) },
      row.kind
    )
  ];
}
