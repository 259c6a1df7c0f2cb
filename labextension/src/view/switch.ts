/** On or off, where the kernel says it is; a press shows at once what is wanted. Called by rows and by cells' lines. */
import { switchWords } from '../automation';
import type { AutomationRow } from '../protocol';
import { h } from './dom';

export class Switch {
  readonly element: HTMLButtonElement;
  private row: AutomationRow | null = null;

  constructor(flipped: (row: AutomationRow) => Promise<void>) {
    this.element = h('button.jk-sw', {
      type: 'button',
      role: 'switch',
      onclick: (event: Event) => {
        event.stopPropagation();
        if (this.row) {
          this.element.setAttribute('aria-checked', String(!this.row.on)); // at once; a refusal puts it back
          void flipped(this.row).finally(() => this.row && this.update(this.row));
        }
      }
    });
  }

  update(row: AutomationRow): void {
    this.row = row;
    this.element.setAttribute('aria-checked', String(row.on));
    this.element.setAttribute('aria-label', row.name);
    this.element.title = switchWords(row);
  }
}
