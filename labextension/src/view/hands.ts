/**
 * Mouse, touch and wheel on the graph: drag pans, wheel scrolls towards what lies outside, ctrl+wheel zooms.
 * Knows events and the view's numbers; what a click means is the graph view's matter.
 */
import { zoomAt } from '../geometry';
import type { Box, View } from '../geometry';

export interface Handled {
  view(): View;
  /** The world, and the part of it in view. */
  outside(): [Box, Box];
  moveTo(view: View): void;
  gesture(): void;
  hover(event: PointerEvent | null): void;
  click(event: MouseEvent): void;
  doubleClick(event: MouseEvent): void;
}

const DRAG_AFTER = 4;
const TOOLS = 'button, .jk-mini, .jk-float';
const onTool = (event: Event): boolean => (event.target as Element).closest(TOOLS) !== null;

export function takeHands(element: HTMLElement, target: Handled): void {
  let dragged = false;
  element.addEventListener('pointerdown', down => {
    dragged = false;
    if (down.button <= 1 && !onTool(down)) {
      drag(element, target, down, () => (dragged = true));
    }
  });
  element.addEventListener('wheel', event => wheel(element, target, event), { passive: false });
  element.addEventListener('pointermove', event => event.buttons || target.hover(event));
  element.addEventListener('pointerleave', () => target.hover(null));
  element.addEventListener('click', event => dragged || onTool(event) || target.click(event));
  element.addEventListener('dblclick', event => onTool(event) || target.doubleClick(event));
}

function drag(element: HTMLElement, target: Handled, down: PointerEvent, moved: () => void): void {
  const from = target.view();
  let far = false;
  const move = (event: PointerEvent) => {
    const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
    if (!far && Math.hypot(dx, dy) < DRAG_AFTER) {
      return;
    }
    if (!far) {
      far = true;
      moved();
      element.classList.add('jk-dragging');
    }
    target.gesture();
    target.moveTo({ k: from.k, x: from.x + dx, y: from.y + dy });
  };
  const up = () => {
    window.removeEventListener('pointermove', move);
    window.removeEventListener('pointerup', up);
    window.removeEventListener('pointercancel', up);
    element.classList.remove('jk-dragging');
  };
  window.addEventListener('pointermove', move);
  window.addEventListener('pointerup', up);
  window.addEventListener('pointercancel', up);
}

function wheel(element: HTMLElement, target: Handled, event: WheelEvent): void {
  const view = target.view();
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const at = element.getBoundingClientRect();
    const factor = Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) * 0.008);
    target.gesture();
    target.moveTo(zoomAt(view, factor, event.clientX - at.left, event.clientY - at.top));
    return;
  }
  const [dx, dy] = event.shiftKey ? [event.deltaY, event.deltaX] : [event.deltaX, event.deltaY];
  if (leadsOutside(target.outside(), dx, dy)) {
    event.preventDefault();
    target.gesture();
    target.moveTo({ k: view.k, x: view.x - dx, y: view.y - dy });
  }
}

/** A wheel moves the graph only towards what lies outside; otherwise the notebook scrolls. */
export function leadsOutside([world, view]: [Box, Box], dx: number, dy: number): boolean {
  return (
    (dy > 0 && world.y + world.h > view.y + view.h + 1) ||
    (dy < 0 && world.y < view.y - 1) ||
    (dx > 0 && world.x + world.w > view.x + view.w + 1) ||
    (dx < 0 && world.x < view.x - 1)
  );
}
