/** A run's steps as small marks beside each other. Called by the list of runs. */
import type { RunRow } from '../protocol';
import { statusLabel } from '../words';
import { h } from './dom';

const MOST_SEGMENTS = 24;

/** One small mark per step: ok low and soft, failed tall. Many steps are drawn as shares, failing ones kept. */
export function strip(run: RunRow): HTMLElement {
  const marks = shares(run.segments);
  const words = `${run.steps_done} of ${run.steps_total} done${run.steps_failed ? `, ${run.steps_failed} failed` : ''}`;
  return h(
    'span.jk-strip',
    { title: words, role: 'img', 'aria-label': words },
    marks.map(word => h(`i.jk-x-${word}`, { title: statusLabel(word) }))
  );
}

export function shares(segments: RunRow['segments']): RunRow['segments'] {
  if (segments.length <= MOST_SEGMENTS) {
    return segments;
  }
  const size = segments.length / MOST_SEGMENTS;
  return Array.from({ length: MOST_SEGMENTS }, (_, i) => {
    const part = segments.slice(Math.floor(i * size), Math.max(Math.floor(i * size) + 1, Math.floor((i + 1) * size)));
    return (
      part.find(word => word === 'failed') ??
      part.find(word => word === 'running') ??
      part.find(word => word !== 'fresh') ??
      'fresh'
    );
  });
}
