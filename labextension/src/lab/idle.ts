/**
 * Keeps JupyterLab from calling a busy kernel idle when it has answered a request of ours: the answers on the control
 * channel end with the status `idle`, whatever the cell at work does. JupyterLab leaves out message types by name.
 */
import { PageConfig } from '@jupyterlab/coreutils';

const OPTION = 'untracked_message_types';
const OURS = ['jobkernel_request', 'comm_info_request'];

export function leaveStatusAlone(): void {
  PageConfig.setOption(OPTION, withOurs(PageConfig.getOption(OPTION)));
}

/** The option with our types added; as JSON, as JupyterLab keeps it. */
export function withOurs(option: string): string {
  const known = JSON.parse(option || '[]') as string[];
  return JSON.stringify([...new Set([...known, ...OURS])]);
}
