/** Small parts of the graph: the box around a group, the words beside an edge. Called by the graph view. */
import type { Graph, GraphGroup } from '../protocol';
import { h, say } from './dom';
import { icon } from './glyphs';

export function groupBox(group: GraphGroup, close: () => void): HTMLElement {
  const label = h(
    'button.jk-gl',
    { type: 'button', title: `Close ${group.name}`, 'aria-expanded': 'true', onclick: close },
    icon('down', 12),
    h('b.jk-cut', null, group.name)
  );
  const style = `left:${group.x}px;top:${group.y}px;width:${group.w}px;height:${group.h}px`;
  return h('div.jk-group', { style }, label);
}

/** The names that flow along an edge, beside the pointer at (x, y); nothing for edge -1. */
export function showTip(tip: HTMLElement, graph: Graph | null, edge: number, x: number, y: number): void {
  const found = graph?.edges[edge];
  tip.hidden = !found;
  if (graph && found) {
    const names = found.names.length ? found.names.join(', ') : graph.nodes[found.from].label;
    say(tip, `${names} → ${graph.nodes[found.to].label}${found.inferred ? '' : ' (declared)'}`);
    tip.style.transform = `translate(${x + 12}px,${y + 12}px)`;
  }
}
