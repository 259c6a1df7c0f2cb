/**
 * Restoring a notebook whose kernel has not run its cells: `%jk restore` as a cell of the notebook, so that the person
 * sees what was run and what it printed. A cell that says so already is run again; else one is put in.
 */
import { NotebookActions } from '@jupyterlab/notebook';
import type { Watched } from './notebooks';

const LOAD = '%load_ext jobkernel';
const RESTORE = '%jk restore';

/** Run it; `loaded` says whether jobkernel is there in the kernel. */
export function restoreIn(one: Watched, loaded: boolean): void {
  const { content, sessionContext } = one.panel;
  const model = content.model?.sharedModel;
  if (!model) {
    return;
  }
  const text = loaded ? RESTORE : `${LOAD}\n${RESTORE}`;
  const sources = model.cells.map(cell => cell.getSource().trim());
  let at = sources.indexOf(text);
  if (at < 0) {
    const loading = sources.findIndex(source => source.includes(LOAD));
    at = loading >= 0 ? loading + 1 : Math.max(0, content.activeCellIndex);
    model.insertCell(at, { cell_type: 'code', source: text });
  }
  const cell = content.widgets[at];
  content.activeCellIndex = at;
  void content.scrollToItem(at, 'smart');
  void NotebookActions.runCells(content, [cell], sessionContext);
}
