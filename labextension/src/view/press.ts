/**
 * Lets a press finish: an element replaced between press and release never gets its click. Views ask before they
 * redraw; what was put off is done right after the click.
 */
let down = false;
let waiting = new Set<() => void>();

function released(): void {
  setTimeout(() => {
    down = false;
    const due = waiting;
    waiting = new Set();
    due.forEach(draw => draw());
  });
}

/** Whether a button is held; then `draw` is called after its release. */
export function putOff(draw: () => void): boolean {
  if (down) {
    waiting.add(draw);
  }
  return down;
}

/** Watch presses inside a screen, or on what a selector names in it; returns how to stop. */
export function watchPresses(element: HTMLElement, within = '*'): () => void {
  const press = (event: Event) => (down ||= event.target instanceof Element && event.target.closest(within) !== null);
  element.addEventListener('pointerdown', press, true);
  window.addEventListener('pointerup', released, true);
  window.addEventListener('pointercancel', released, true);
  return () => {
    element.removeEventListener('pointerdown', press, true);
    window.removeEventListener('pointerup', released, true);
    window.removeEventListener('pointercancel', released, true);
  };
}
