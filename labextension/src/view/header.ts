/** The row above every page: tabs, and counts that filter. Knows the session; draws itself again when told. */
import { countWords, keysOf } from '../changes';
import type { StatusWord } from '../protocol';
import type { Session, Tab } from '../session';
import { count, statusLabel } from '../words';
import { h, put } from './dom';
import { glyph } from './glyphs';
import { iconButton } from './menu';
import { putOff } from './press';

const TABS: [Tab, string][] = [
  ['graph', 'Graph'],
  ['runs', 'Runs'],
  ['automation', 'Automation']
];

export class Header {
  readonly element = h('div.jk-top');
  private readonly tabs = h('nav.jk-tabs', { role: 'tablist' });
  private readonly counts = h('div.jk-sum');

  constructor(private readonly session: Session) {
    const { host } = session;
    put(
      this.element,
      this.tabs,
      h('span.jk-grow'),
      this.counts,
      host.openTab ? iconButton('pop', 'Open in a tab', () => host.openTab?.()) : null
    );
    put(
      this.tabs,
      TABS.map(([tab, label], i) =>
        h(
          'button.jk-tab',
          {
            type: 'button',
            role: 'tab',
            'data-tab': tab,
            title: `${label} (${i + 1})`,
            onclick: () => session.open({ tab })
          },
          label
        )
      )
    );
    this.draw();
  }

  readonly draw = (): void => {
    if (putOff(this.draw)) {
      return;
    }
    const { page, snapshot, query } = this.session;
    for (const tab of this.tabs.querySelectorAll<HTMLElement>('.jk-tab')) {
      const on = tab.dataset.tab === page.tab;
      tab.classList.toggle('jk-on', on);
      tab.setAttribute('aria-selected', String(on));
    }
    const counts = snapshot ? countWords(keysOf(snapshot, query.job), snapshot.status) : [];
    const signature = JSON.stringify([counts, this.session.search]);
    if (this.counts.dataset.drawn !== signature) {
      this.counts.dataset.drawn = signature;
      put(
        this.counts,
        counts.map(([word, n]) => this.count(word, n))
      );
    }
  };

  private count(word: StatusWord, n: number): HTMLElement {
    const text = `status:${word === 'never' ? 'missing' : word}`;
    const on = this.session.search === text;
    const filter = () => {
      this.session.open({ tab: 'graph' });
      void this.session.find(on ? '' : text);
    };
    const spoken = `${count(n)} ${statusLabel(word)}`;
    return h(
      'button.jk-count',
      {
        type: 'button',
        title: on ? 'Show all' : text,
        'aria-pressed': String(on),
        'aria-label': spoken,
        onclick: filter
      },
      glyph(word),
      h('b', null, count(n)),
      h('span.jk-mut.jk-word', null, statusLabel(word))
    );
  }
}
