/**
 * The JupyterLab extension: the bridge to kernels, the tab, the strips above cells. Puts the parts of src/lab
 * together; each part knows only `Notebooks`.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, ToolbarButton } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { bridge } from './lab/bridge';
import { leaveStatusAlone } from './lab/idle';
import { Notebooks } from './lab/notebooks';
import { followSettings, notify } from './lab/notify';
import type { Watched } from './lab/notebooks';
import { drawOutputs } from './lab/output';
import { restoreIn } from './lab/restore';
import { Strips } from './lab/strips';
import { jobsIcon, openTab } from './lab/tab';

const OPEN = 'jobkernel:open';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'jobkernel:plugin',
  description: 'Shows assets, jobs and runs of the notebook, and carries clicks to its kernel while a cell runs.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ISettingRegistry],
  activate
};
export default plugin;

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  palette: ICommandPalette | null,
  registry: ISettingRegistry | null
): void {
  leaveStatusAlone();
  const notebooks = new Notebooks(tracker);
  bridge(notebooks);
  addCommand(app, notebooks);
  palette?.addItem({ command: OPEN, category: 'Jobs' });
  notebooks.each(one => {
    drawOutputs(one, () => openTab(app, one));
    new Strips(one, shown => openTab(app, one, shown));
    notify(one, shown => openTab(app, one, shown));
    addButton(app, one);
  });
  void followSettings(registry).catch(error => console.warn('The settings of jobkernel could not be read.', error));
  document.addEventListener('jobkernel:goto', event => goTo(app, notebooks, event as CustomEvent));
  document.addEventListener('jobkernel:restore', event => restoreFor(notebooks, event as CustomEvent));
  document.addEventListener('jobkernel:open', event => openFor(app, notebooks, event as CustomEvent));
}

function addCommand(app: JupyterFrontEnd, notebooks: Notebooks): void {
  app.commands.addCommand(OPEN, {
    label: 'Open Jobs',
    caption: 'Open the graph and runs of the current notebook in a tab',
    icon: jobsIcon,
    isEnabled: () => notebooks.current !== null,
    execute: () => {
      if (notebooks.current) {
        openTab(app, notebooks.current);
      }
    }
  });
}

/** A button in the notebook's toolbar, there once its kernel has loaded jobkernel. */
function addButton(app: JupyterFrontEnd, one: Watched): void {
  const button = new ToolbarButton({ icon: jobsIcon, tooltip: 'Open Jobs', onClick: () => openTab(app, one) });
  button.hide();
  one.onPush(() => button.setHidden(one.snapshot === null));
  void one.panel.context.ready.then(() => one.panel.toolbar.insertBefore('spacer', 'jobkernel', button));
}

function goTo(app: JupyterFrontEnd, notebooks: Notebooks, event: CustomEvent): void {
  const { detail } = event;
  const one = notebooks.find(detail.kernel, event.target as Node | null);
  if (one && !detail.handled) {
    detail.handled = true;
    app.shell.activateById(one.panel.id);
    one.goto(detail.key, detail.cell_id);
  }
}

function restoreFor(notebooks: Notebooks, event: CustomEvent): void {
  const { detail } = event;
  const one = notebooks.find(detail.kernel, event.target as Node | null);
  if (one && !detail.handled) {
    detail.handled = true;
    restoreIn(one, detail.loaded);
  }
}

function openFor(app: JupyterFrontEnd, notebooks: Notebooks, event: CustomEvent): void {
  const one = notebooks.find(event.detail.kernel, event.target as Node | null);
  if (one && !event.detail.handled) {
    event.detail.handled = true;
    openTab(app, one);
  }
}
