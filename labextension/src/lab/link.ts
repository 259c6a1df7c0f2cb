/**
 * The way to jobkernel in one kernel: requests on the control channel, which is served while a cell runs; pushes
 * from iopub. Stays quiet towards kernels that have not loaded jobkernel. Knows kernels; knows no drawing.
 */
import { KernelMessage } from '@jupyterlab/services';
import type { Kernel } from '@jupyterlab/services';
import { speaksOfJobkernel } from '../cells';
import { applyStatus, whole } from '../changes';
import { isPush, isSnapshot, Refusal, resultOf } from '../guards';
import type { Push, Request, Snapshot } from '../protocol';
import { answerWithin } from '../queries';

const ANSWER_WITHIN = 5000;
const PROBE_ANSWER_WITHIN = 1500;
const PROBES = [0, 700, 2500];
/** The name under which a loaded jobkernel is in its kernel's list of comms. Nobody talks over it. */
const SIGN = 'jobkernel';
const GONE: Partial<Record<Kernel.Status, string>> = {
  restarting: 'The kernel was restarted',
  autorestarting: 'The kernel died and was restarted',
  dead: 'The kernel died',
  terminating: 'The kernel was shut down'
};

let nextId = 0;

export class Link {
  snapshot: Snapshot | null = null;
  private readonly listeners = new Set<(push: Push) => void>();
  private probing: ReturnType<typeof setTimeout> | null = null;
  private disposed = false;
  private spokenOf = false;

  /** `asks` says whether the notebook at hand gives reason to ask this kernel at all. */
  constructor(
    readonly kernel: Kernel.IKernelConnection,
    asks: boolean
  ) {
    kernel.iopubMessage.connect(this.onIopub, this);
    kernel.statusChanged.connect(this.onStatus, this);
    kernel.disposed.connect(this.dispose, this);
    if (asks) {
      this.probe();
    }
  }

  get loaded(): boolean {
    return this.snapshot !== null;
  }

  /** Send a request as it is; resolves with the reply, refused or not, within the time. */
  async send(request: Request, within = answerWithin(request.op, ANSWER_WITHIN)): Promise<unknown> {
    return this.ask('jobkernel_request', request, within);
  }

  private async ask(type: string, content: unknown, within: number): Promise<unknown> {
    const message = KernelMessage.createMessage({
      msgType: type as KernelMessage.ControlMessageType,
      channel: 'control',
      session: this.kernel.clientId,
      username: this.kernel.username,
      content: content as never
    } as never) as unknown as KernelMessage.IControlMessage;
    const future = this.kernel.sendControlMessage(message, true, true);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Refusal('The kernel did not answer in time. Is jobkernel loaded in it?')),
        within
      );
    });
    try {
      return ((await Promise.race([future.done, late])) as { content: unknown }).content;
    } finally {
      clearTimeout(timer);
      if (!future.isDisposed) {
        future.dispose();
      }
    }
  }

  async request(op: string, fields: Record<string, unknown>): Promise<unknown> {
    return resultOf(await this.send({ ...fields, id: ++nextId, op }));
  }

  onPush(listener: (push: Push) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Whether jobkernel is loaded: a question that every kernel knows, so that none complains of it in its log. */
  private async isThere(): Promise<boolean> {
    const answer = (await this.ask('comm_info_request', { target_name: SIGN }, PROBE_ANSWER_WITHIN)) as {
      comms?: Record<string, unknown>;
    };
    return Object.keys(answer.comms ?? {}).length > 0;
  }

  private async askForSnapshot(): Promise<void> {
    if (!(await this.isThere())) {
      throw new Refusal('jobkernel is not loaded.');
    }
    const found = resultOf(await this.send({ op: 'snapshot', id: ++nextId }, PROBE_ANSWER_WITHIN));
    if (isSnapshot(found)) {
      this.tell({ push: 'graph', seq: found.seq, snapshot: found });
    }
  }

  /** Ask for the snapshot a few times, then stop until something gives new reason. */
  probe(turn = 0): void {
    if (this.probing !== null) {
      clearTimeout(this.probing);
    }
    if (this.disposed || turn >= PROBES.length) {
      this.probing = null;
      return;
    }
    this.probing = setTimeout(() => {
      this.askForSnapshot().catch(() => this.loaded || this.probe(turn + 1));
    }, PROBES[turn]);
  }

  private tell(push: Push): void {
    if (push.push === 'graph') {
      this.snapshot = whole(push.snapshot);
    } else if (push.push === 'gone') {
      this.snapshot = null;
    } else if (this.snapshot) {
      this.snapshot = applyStatus(this.snapshot, push);
    } else {
      this.probe(); // pushes come, so jobkernel is there: read the whole first
      return;
    }
    this.listeners.forEach(listener => listener(push));
  }

  private onIopub(_: Kernel.IKernelConnection, message: KernelMessage.IIOPubMessage): void {
    const type = message.header.msg_type as string;
    if (type === 'jobkernel_push' && isPush(message.content)) {
      this.tell(message.content as unknown as Push);
    } else if (!this.loaded) {
      this.noticeCell(type, message.content as { code?: string; execution_state?: string });
    }
  }

  /** A cell that speaks of jobkernel may have loaded it: ask when it has ended. */
  private noticeCell(type: string, content: { code?: string; execution_state?: string }): void {
    if (type === 'execute_input') {
      this.spokenOf ||= speaksOfJobkernel(content.code ?? '');
    } else if (type === 'status' && content.execution_state === 'idle' && this.spokenOf) {
      this.spokenOf = false;
      this.probe();
    }
  }

  private onStatus(_: Kernel.IKernelConnection, status: Kernel.Status): void {
    const reason = GONE[status];
    if (reason && this.loaded) {
      this.tell({ push: 'gone', reason });
    }
  }

  dispose(): void {
    if (this.disposed) {
      return;
    }
    this.disposed = true;
    if (this.probing !== null) {
      clearTimeout(this.probing);
    }
    this.kernel.iopubMessage.disconnect(this.onIopub, this);
    this.kernel.statusChanged.disconnect(this.onStatus, this);
    if (this.loaded) {
      this.tell({ push: 'gone', reason: 'The kernel is no longer connected' });
    }
    this.listeners.clear();
  }
}
