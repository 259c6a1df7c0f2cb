/**
 * Carries what widgets ask by DOM event to their kernel's control channel, and tells widgets when their kernel
 * goes. The other half is src/widget.ts.
 */
import type { Request } from '../protocol';
import type { Notebooks, Watched } from './notebooks';

interface Asked {
  request: Request;
  kernel: string | null;
  handled: boolean;
  reply: (answer: unknown) => void;
}

export function bridge(notebooks: Notebooks): void {
  document.addEventListener('jobkernel:request', event => carry(notebooks, event as CustomEvent<Asked>));
  notebooks.each(one => {
    let kernel = one.kernelId;
    one.onPush(push => {
      kernel = one.snapshot?.kernel_id ?? kernel ?? one.kernelId;
      if (push.push === 'gone') {
        document.dispatchEvent(
          new CustomEvent('jobkernel:kernel', { detail: { kernel, state: 'gone', reason: push.reason } })
        );
      } else {
        document.dispatchEvent(new CustomEvent('jobkernel:push', { detail: { kernel, push } }));
      }
    });
  });
}

function carry(notebooks: Notebooks, event: CustomEvent<Asked>): void {
  const { detail } = event;
  const one = notebooks.find(detail.kernel, event.target as Node | null);
  if (detail.handled || !one) {
    return;
  }
  detail.handled = true;
  void answer(one, detail);
}

async function answer(one: Watched, { request, reply }: Asked): Promise<void> {
  try {
    reply(await one.send(request));
  } catch (error) {
    reply({ id: request.id, ok: false, error: error instanceof Error ? error.message : String(error) });
  }
}
