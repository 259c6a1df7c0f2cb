/** The development page: ?project=flights|5|500|10000|empty, &dark, &width=960, &height=, &fill, &job=. */
import { mount } from '../src/app';
import { FakeHost } from './host';

const asked = new URLSearchParams(location.search);
document.body.dataset.jpThemeLight = String(!asked.has('dark'));
localStorage.setItem('jobkernel:direction', asked.get('way') ?? 'auto');
const box = document.createElement('div');
box.style.width = `${asked.get('width') ?? 960}px`;
box.style.height = asked.has('fill') ? `${asked.get('height') ?? 824}px` : '';
document.body.append(box);
const host = new FakeHost(asked.get('project') ?? 'flights', asked.has('fill'));
if (asked.has('notab')) {
  (host as { openTab?: unknown }).openTab = undefined;
}
if (asked.has('pins')) {
  Object.assign(host, {
    pinned: () =>
      Promise.resolve(
        ['keeping', 'failed'].map((state, i) => ({
          key: `${i}`.repeat(16),
          notebook: `flights${i}.ipynb`,
          path: `/home/ada/flights${i}.ipynb`,
          project: '/home/ada',
          automations: ['daily_report', 'weather_half_hour'],
          state,
          error: i ? 'no cell makes to_minutes' : null
        }))
      ),
    unpin: () => Promise.resolve()
  });
}
Object.assign(window, { host, unmount: mount(box, host) });
