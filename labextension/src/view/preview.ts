/** What a look would do: asked for at a time or with a cursor, shown, and launched if that is wanted. */
import { launchPreview } from '../automation_actions';
import type { LookPreview } from '../protocol';
import { sentence } from '../session';
import type { Session } from '../session';
import { plural } from '../words';
import { errorBlock } from './code';
import { h, put } from './dom';
import type { Child } from './dom';
import { glyph } from './glyphs';
import { button, iconButton } from './menu';
import { linesOf } from './ticks';

export class PreviewBox {
  readonly element: HTMLElement;
  private readonly field: HTMLInputElement;
  private readonly answer = h('div.jk-preview', { 'aria-live': 'polite' });
  private turn = 0;

  constructor(
    private readonly session: Session,
    private readonly name: string,
    private readonly kind: 'schedule' | 'sensor'
  ) {
    const label = kind === 'schedule' ? 'at' : 'with cursor';
    this.field = h('input.jk-input', {
      type: 'text',
      'aria-label': kind === 'schedule' ? 'Time to look at' : 'Cursor to look with',
      placeholder: kind === 'schedule' ? 'its next time, or 2026-03-31 09:00' : 'the one it has',
      spellcheck: 'false'
    }) as HTMLInputElement;
    this.field.addEventListener('keydown', event => event.key === 'Enter' && void this.ask());
    this.element = h(
      'div.jk-previewbox',
      null,
      h(
        'div.jk-row',
        null,
        button('Preview', () => void this.ask(), { title: 'Shows what a look would do, and launches nothing' }),
        h('label.jk-row.jk-gap6.jk-mut', null, label, h('span.jk-field', null, this.field)),
        h('span.jk-mut.jk-cut.jk-hint', null, 'launches nothing')
      ),
      this.answer
    );
  }

  private async ask(): Promise<void> {
    const turn = ++this.turn;
    const given = this.field.value.trim();
    const asked = given ? (this.kind === 'schedule' ? { at: given } : { cursor: given }) : {};
    put(this.answer, h('div.jk-row.jk-mut', null, glyph('running'), 'looking'));
    try {
      const found = (await this.session.host.request('preview', { name: this.name, ...asked })) as LookPreview;
      if (turn === this.turn) {
        put(this.answer, this.shown(found));
      }
    } catch (error) {
      if (turn === this.turn) {
        put(this.answer, h('div.jk-row.jk-wrap.jk-t-fail', { role: 'alert' }, glyph('warning'), sentence(error)));
      }
    }
  }

  private shown(found: LookPreview): Child[] {
    const close = iconButton('x', 'Close the preview', () => put(this.answer), 'sm');
    if (found.error) {
      return [
        h('div.jk-row', null, h('span.jk-grow', null, 'The look would fail:'), close),
        errorBlock(found.error, null),
        log(found)
      ];
    }
    const { token, count } = found;
    const when = found.at ? ` at ${found.at.local}` : '';
    return [
      h(
        'div.jk-row',
        null,
        h(
          'b.jk-wrap',
          null,
          count ? `It would launch ${plural(count, 'run')}${when}` : `It would launch nothing${when}`
        ),
        h('span.jk-wrap.jk-mut', null, count ? '' : (found.skip_reason ?? '')),
        h('span.jk-grow'),
        count && token
          ? button(`Launch ${plural(count, 'run')}`, () => void this.launch(token), { icon: 'play', look: 'sm.pri' })
          : null,
        close
      ),
      found.requests.map(text => h('div.jk-cut', { title: text }, h('code', null, text))),
      count > found.requests.length ? h('div.jk-mut', null, `and ${count - found.requests.length} more`) : null,
      found.moves_cursor ? h('div.jk-mut.jk-wrap', null, `The cursor would be ${found.cursor ?? 'none'}.`) : null,
      log(found)
    ];
  }

  private async launch(token: string): Promise<void> {
    put(this.answer);
    await launchPreview(this.session, token);
  }
}

const log = (found: LookPreview): Child => (found.log.length ? linesOf(found.log) : null);
