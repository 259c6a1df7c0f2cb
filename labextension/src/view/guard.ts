/**
 * Keeps plain keys in a screen from reaching the notebook's shortcuts. Lumino looks for its attribute from the
 * target upwards but takes the first selector that matches, often the target itself: so the target carries it.
 */
const SUPPRESS = 'data-lm-suppress-shortcuts';

/** Keys with ctrl, cmd or alt still reach the application; returns how to stop. */
export function guardKeys(element: HTMLElement, within = '*'): () => void {
  const guard = (event: KeyboardEvent) => {
    const target = event.composedPath()[0];
    if (target instanceof Element && element.contains(target) && target.closest(within)) {
      target.toggleAttribute(SUPPRESS, !(event.ctrlKey || event.metaKey || event.altKey));
    }
  };
  window.addEventListener('keydown', guard, true); // before the document, where the application listens
  return () => window.removeEventListener('keydown', guard, true);
}
