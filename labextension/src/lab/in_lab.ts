/** What JupyterLab lets a screen do beyond its kernel: run a cell that restores, see and end pins. */
import type { Host } from '../protocol';
import type { Watched } from './notebooks';
import { pinned, unpin } from './pins';
import { restoreIn } from './restore';

export const inLab = (one: Watched): Pick<Host, 'restore' | 'pinned' | 'unpin'> => ({
  restore: loaded => {
    restoreIn(one, loaded);
    return true;
  },
  pinned,
  unpin
});
