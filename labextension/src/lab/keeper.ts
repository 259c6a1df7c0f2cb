/**
 * Keeps the saved form of a live graph new: when nothing runs any more, asks the kernel for the picture and puts it
 * into the output, so that a saved notebook shows how things stood. Knows no element.
 */
import type { PartQuery, Snapshot } from '../protocol';
import type { Output } from './output';
import type { Watched } from './notebooks';

const REST = 600;

export class Keeper {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private kept: string | null = null;

  constructor(
    private readonly one: Watched,
    private readonly part: () => PartQuery
  ) {}

  /** Called at every change; does something only once the graph is at rest and looks otherwise than before. */
  keep(output: Output): void {
    const { snapshot } = this.one;
    const now = snapshot && atRest(snapshot) ? signature(snapshot) : null;
    if (this.timer !== null) {
      clearTimeout(this.timer);
      this.timer = null;
    }
    if (now !== null && now !== this.kept) {
      this.timer = setTimeout(() => void this.refresh(output, now), REST);
    }
  }

  private async refresh(output: Output, now: string): Promise<void> {
    this.timer = null;
    this.kept = now;
    try {
      const fresh = (await this.one.request('picture', { ...this.part() })) as Record<string, unknown>;
      if (fresh['image/svg+xml'] !== output.data['image/svg+xml']) {
        output.setData({ data: { ...output.data, ...fresh } });
      }
    } catch {
      this.kept = null; // the next change tries again
    }
  }

  dispose(): void {
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
  }
}

const atRest = ({ graph, status }: Snapshot): boolean =>
  graph.nodes.count > 0 && !Object.values(status).some(one => one.status === 'running' || one.status === 'queued');

/** What a still picture shows of a snapshot. */
const signature = ({ graph, status }: Snapshot): string =>
  JSON.stringify([
    graph.id,
    Object.entries(status).map(([key, one]) => [key, one.status, one.cause, one.rows, one.kind])
  ]);
