/** The foot of the automation page: notebooks that this Jupyter server keeps going, how each is, and unpinning. */
import type { PinnedNotebook, PinRow } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { plural } from '../words';
import { h, put } from './dom';
import { glyph, icon } from './glyphs';
import type { GlyphName } from './glyphs';
import { button } from './menu';

const SURE_FOR = 4000;
const STATES: Record<string, [GlyphName, string]> = {
  waiting: ['queued', 'waits to be taken up'],
  starting: ['running', 'its kernel is starting'],
  keeping: ['fresh', 'kept going'],
  ended: ['canceled', 'its kernel has ended'],
  failed: ['failed', 'failed']
};

export class Pinned {
  readonly element = h('section.jk-pinned', { 'aria-label': 'Pinned notebooks', hidden: true });
  private known = '';
  private turn = 0;

  constructor(private readonly session: Session) {
    void this.read();
  }

  /** Read again where this notebook's own pin is another than before. */
  update(own: PinRow | null): void {
    const signature = JSON.stringify(own && [own.key, own.state]);
    if (this.known !== signature) {
      this.known = signature;
      void this.read();
    }
  }

  private async read(): Promise<void> {
    const turn = ++this.turn;
    try {
      const found = (await this.session.host.pinned?.()) ?? [];
      if (turn === this.turn) {
        this.draw(found);
      }
    } catch {
      this.element.hidden = true; // a Jupyter server without our extension keeps nothing going
    }
  }

  private draw(pins: PinnedNotebook[]): void {
    this.element.hidden = !pins.length;
    put(
      this.element,
      h('div.jk-h2', null, h('span', null, 'Pinned in this Jupyter server')),
      pins.map(pin => this.line(pin))
    );
  }

  private line(pin: PinnedNotebook): HTMLElement {
    const [shape, words] = STATES[pin.state] ?? ['never', pin.state];
    const state = pin.error ? `${words}: ${pin.error}` : words;
    return h(
      'div.jk-pinline',
      { 'data-pin': pin.key },
      icon('pin', 14),
      h('span.jk-cut.jk-b', { title: pin.path }, pin.notebook),
      h(
        'span.jk-mut.jk-cut',
        { title: pin.automations.join(', ') },
        plural(pin.automations.length, 'schedule or sensor', 'schedules and sensors')
      ),
      h('span.jk-row.jk-gap6.jk-grow', { title: state }, glyph(shape), h('span.jk-cut', null, state)),
      this.unpin(pin)
    );
  }

  /** Two presses: what it ends goes on for nobody. */
  private unpin(pin: PinnedNotebook): HTMLElement {
    let sure = false;
    const face = button(
      'Unpin',
      () => {
        if (sure) {
          void this.end(pin);
          return;
        }
        sure = true;
        face.querySelector('.jk-cut')?.replaceChildren('Unpin for good');
        setTimeout(() => {
          sure = false;
          face.querySelector('.jk-cut')?.replaceChildren('Unpin');
        }, SURE_FOR);
      },
      { title: 'Its schedules and sensors end with its kernel then' }
    );
    return face;
  }

  private async end(pin: PinnedNotebook): Promise<void> {
    try {
      await this.session.host.unpin?.(pin.key);
      this.session.setNotice({ text: `${pin.notebook} is pinned no longer.`, tone: 'plain', action: null });
      await this.session.ask('scheduler', {}).catch(() => undefined); // the kernel looks at its pin again
    } catch (error) {
      this.session.setNotice({ text: sentence(error), tone: 'fail', action: null });
    }
    await this.read();
  }
}
