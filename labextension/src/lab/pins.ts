/** The notebooks that this Jupyter server keeps going: asked of our routes on it, with its token and XSRF cookie. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { PinnedNotebook } from '../protocol';

async function ask(method: 'GET' | 'DELETE', ...path: string[]): Promise<unknown> {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, 'jobkernel', 'pins', ...path);
  const answer = await ServerConnection.makeRequest(url, { method }, settings);
  if (!answer.ok) {
    throw await ServerConnection.ResponseError.create(answer);
  }
  return answer.status === 204 ? null : answer.json();
}

export const pinned = async (): Promise<PinnedNotebook[]> => ((await ask('GET')) as { pins: PinnedNotebook[] }).pins;

export const unpin = async (key: string): Promise<void> => void (await ask('DELETE', key));
