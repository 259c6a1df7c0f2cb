/** The row above every page: tabs, and counts that filter. Knows the session; draws itself again when told. */
import { countWords } from '../changes';
import type { Queue, StatusWord } from '../protocol';
import type { Session, Tab } from '../session';
import { count, plural, statusLabel } from '../words';
import { h, put } from './dom';
import { glyph } from './glyphs';
import type { GlyphName } from './glyphs';
import { iconButton } from './menu';
import { putOff } from './press';

const TABS: [Tab, string][] = [
  ['graph', 'Graph'],
  ['runs', 'Runs'],
  ['automation', 'Automation']
];

export interface QueueFact {
  text: string;
  title: string;
  word: GlyphName;
}

/** What of the queue is worth a word: that it is paused, pools that are full or waited for. */
export function queueFacts(queue: Queue): QueueFact[] {
  const waiting = queue.waiting ? `, ${plural(queue.waiting, 'run')} ${queue.waiting === 1 ? 'waits' : 'wait'}` : '';
  const paused: QueueFact = {
    text: 'paused',
    title: `The queue is paused (max_concurrent_runs is 0)${waiting}`,
    word: 'warning'
  };
  const busy = queue.pools.filter(pool => pool.waiting > 0 || (pool.held > 0 && pool.held >= pool.limit));
  const pools = busy.map((pool): QueueFact => {
    const rest = pool.waiting ? `, ${plural(pool.waiting, 'step')} ${pool.waiting === 1 ? 'waits' : 'wait'}` : '';
    return {
      text: `${pool.name} ${pool.held}/${pool.limit}`,
      title: `Pool ${pool.name}: ${pool.held} of ${plural(pool.limit, 'slot')} taken${rest}`,
      word: 'queued'
    };
  });
  return [...(queue.paused ? [paused] : []), ...pools.slice(0, MOST_POOLS)];
}

const MOST_POOLS = 2;

export class Header {
  readonly element = h('div.jk-top');
  private readonly tabs = h('nav.jk-tabs', { role: 'tablist' });
  private readonly counts = h('div.jk-sum');
  private readonly queue = h('div.jk-queue');

  constructor(private readonly session: Session) {
    const { host } = session;
    put(
      this.element,
      this.tabs,
      h('span.jk-grow'),
      this.queue,
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
    const { page, snapshot, keys } = this.session;
    for (const tab of this.tabs.querySelectorAll<HTMLElement>('.jk-tab')) {
      const on = tab.dataset.tab === page.tab;
      tab.classList.toggle('jk-on', on);
      tab.setAttribute('aria-selected', String(on));
    }
    const counts = snapshot ? countWords(keys, snapshot.status) : [];
    const signature = JSON.stringify([counts, this.session.search]);
    if (this.counts.dataset.drawn !== signature) {
      this.counts.dataset.drawn = signature;
      put(
        this.counts,
        counts.map(([word, n]) => this.count(word, n))
      );
    }
    this.drawQueue(snapshot?.queue ?? null);
  };

  /** Only what holds runs up now: a queue that starts nothing, a pool with nothing left. */
  private drawQueue(queue: Queue | null): void {
    const facts = queue ? queueFacts(queue) : [];
    const signature = JSON.stringify(facts);
    if (this.queue.dataset.drawn !== signature) {
      this.queue.dataset.drawn = signature;
      put(
        this.queue,
        facts.map(fact => this.fact(fact))
      );
    }
  }

  private fact({ text, title, word }: QueueFact): HTMLElement {
    const go = () => this.session.open({ tab: 'runs' });
    return h(
      'button.jk-count',
      { type: 'button', title, 'aria-label': title, onclick: go },
      glyph(word),
      h('span', null, text)
    );
  }

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
