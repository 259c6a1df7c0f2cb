/**
 * A menu under a button: arrow keys, Esc, click outside. Lines may be filled in later (what a plan will cost).
 * Also the split button that opens one, and the plain buttons.
 */
import { h, put } from './dom';
import type { Child } from './dom';
import { icon } from './glyphs';
import type { IconName } from './glyphs';

export interface MenuItem {
  label: string;
  note?: string | Promise<string>;
  small?: string;
  checked?: boolean;
  disabled?: boolean;
  before?: 'line';
  run: () => void;
}

let close: (() => void) | null = null;

/** Close whichever menu is open. */
export function closeMenu(): void {
  close?.();
}

/** Open a menu below `anchor`; a second call on the same anchor closes it. */
export function openMenu(anchor: HTMLElement, items: MenuItem[]): void {
  const wasOpen = anchor.getAttribute('aria-expanded') === 'true';
  closeMenu();
  if (wasOpen) {
    return;
  }
  const root = anchor.closest<HTMLElement>('.jk-root') ?? document.body;
  const menu = h('div.jk-menu', { role: 'menu' }, items.map(lineOf));
  root.append(menu);
  place(menu, anchor, root);
  anchor.setAttribute('aria-expanded', 'true');
  listen(menu, anchor);
  menu.querySelector<HTMLElement>('.jk-mi:not([aria-disabled])')?.focus();
}

function lineOf(item: MenuItem): Child[] {
  const note = h('span.jk-note', null, typeof item.note === 'string' ? item.note : null);
  const role = item.checked === undefined ? 'menuitem' : 'menuitemradio';
  const line = h(
    'div.jk-mi',
    {
      role,
      tabindex: -1,
      'aria-checked': item.checked === undefined ? null : String(item.checked),
      'aria-disabled': item.disabled ? 'true' : null,
      onclick: () => choose(item)
    },
    item.checked === undefined ? null : h('span.jk-tick', null, item.checked ? icon('check', 14) : null),
    h('span.jk-grow', null, item.label, item.small ? h('small', null, item.small) : null),
    note
  );
  if (item.note && typeof item.note !== 'string') {
    void fillIn(item, item.note, line, note);
  }
  return [item.before === 'line' ? h('hr') : null, line];
}

/** Put in what a choice would do; one that is refused is off, and says why. */
async function fillIn(item: MenuItem, coming: Promise<string>, line: HTMLElement, note: HTMLElement): Promise<void> {
  try {
    note.textContent = await coming;
  } catch (error) {
    item.disabled = true;
    line.setAttribute('aria-disabled', 'true');
    line.querySelector('.jk-grow')?.append(h('small', null, error instanceof Error ? error.message : String(error)));
  }
}

function choose(item: MenuItem): void {
  if (!item.disabled) {
    closeMenu();
    item.run();
  }
}

function place(menu: HTMLElement, anchor: HTMLElement, root: HTMLElement): void {
  const [a, r] = [anchor.getBoundingClientRect(), root.getBoundingClientRect()];
  const right = Math.max(4, r.right - a.right);
  const opensLeft = a.left - r.left > r.width / 2;
  menu.style.top = `${a.bottom - r.top + 2}px`;
  menu.style.maxHeight = `${Math.max(120, r.bottom - a.bottom - 12)}px`;
  menu.style[opensLeft ? 'right' : 'left'] = `${opensLeft ? right : Math.max(4, a.left - r.left)}px`;
}

function listen(menu: HTMLElement, anchor: HTMLElement): void {
  const outside = (event: Event) => {
    const path = event.composedPath();
    if (!path.includes(menu) && !path.includes(anchor)) {
      closeMenu();
    }
  };
  close = () => {
    close = null;
    document.removeEventListener('pointerdown', outside, true);
    const hadFocus = menu.contains(menu.ownerDocument.activeElement) || menu.matches(':focus-within');
    menu.remove();
    anchor.setAttribute('aria-expanded', 'false');
    if (hadFocus) {
      anchor.focus();
    }
  };
  document.addEventListener('pointerdown', outside, true);
  menu.addEventListener('keydown', event => onKey(event, menu));
}

function onKey(event: KeyboardEvent, menu: HTMLElement): void {
  const lines = [...menu.querySelectorAll<HTMLElement>('.jk-mi:not([aria-disabled])')];
  const at = lines.findIndex(line => line === event.target);
  const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 };
  if (event.key in to) {
    lines[(to[event.key] + lines.length) % lines.length]?.focus();
  } else if (event.key === 'Enter' || event.key === ' ') {
    lines[at]?.click();
  } else if (event.key === 'Escape' || event.key === 'Tab') {
    closeMenu();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

interface ButtonLook {
  icon?: IconName;
  title?: string;
  look?: string;
}

export function button(
  label: string,
  run: () => void,
  { icon: drawing, title, look = 'sm' }: ButtonLook = {}
): HTMLButtonElement {
  return h(
    `button.jk-btn.${look}`,
    { type: 'button', title, onclick: run },
    drawing ? icon(drawing, drawing === 'cell' ? 14 : 12) : null,
    h('span.jk-cut', null, worded(label))
  );
}

/** The verb stands apart, so that a narrow bar can leave it out where the icon says it. */
function worded(label: string): Child {
  const found = /^(Materialize )(?=[\d,]+ )/.exec(label);
  return found ? [h('span.jk-verb', null, found[1]), label.slice(found[1].length)] : label;
}

export const iconButton = (name: IconName, title: string, run: (event: Event) => void, look = ''): HTMLButtonElement =>
  h(`button.jk-ib.${look}`, { type: 'button', title, 'aria-label': title, onclick: run }, icon(name, look ? 14 : 16));

/** A button with a second half that opens a menu. */
export function splitButton(
  label: string,
  run: () => void,
  items: () => MenuItem[],
  look: ButtonLook = {}
): HTMLElement {
  const main = button(label, run, look);
  const half = h(`button.jk-btn.jk-half.${look.look ?? 'sm'}`, {
    type: 'button',
    title: 'More ways to run',
    'aria-label': 'More ways to run',
    'aria-haspopup': 'menu',
    'aria-expanded': 'false',
    onclick: () => openMenu(half, items())
  });
  put(half, icon('down', 14));
  return h('span.jk-split', null, main, half);
}

/** A field-like button that shows the choice made and opens a menu of the others. */
export function dropdown(label: string, title: string, items: () => MenuItem[]): HTMLButtonElement {
  const face = h('button.jk-field.jk-drop', {
    type: 'button',
    title,
    'aria-label': `${title}: ${label}`,
    'aria-haspopup': 'menu',
    'aria-expanded': 'false',
    onclick: () => openMenu(face, items())
  });
  put(face, icon('filter', 14), h('span.jk-grow.jk-cut', null, label), icon('down'));
  return face as HTMLButtonElement;
}
