/** A made-up look at a condition, as of an asset that is made whenever what it needs is. */
import type { ConditionShown, ConditionTree } from '../src/protocol';
import { MIN, now } from './times';

type Status = ConditionTree['status'];
const part = (label: string, status: Status, more: Partial<ConditionTree> = {}): ConditionTree => ({
  label,
  status,
  true: status === 'true' ? 1 : 0,
  of: status === 'moot' ? 0 : 1,
  ...more
});
const not = (child: ConditionTree): ConditionTree =>
  part('NOT', child.status === 'moot' ? 'moot' : child.status === 'true' ? 'false' : 'true', {
    operator: 'not',
    children: [child]
  });

const updated = (key: string): ConditionTree =>
  part(key, 'false', {
    children: [
      part('OR', 'false', {
        operator: 'or',
        children: [part('newly_updated', 'false'), part('will_be_requested', 'false')]
      })
    ]
  });

export const conditionShown = (): ConditionShown => ({
  key: 'clean_flights',
  condition: 'eager',
  why: "'clean_flights' waits for an update of 'planes' or 'raw_flights'.",
  requested: 0,
  at: now - 12 * MIN,
  run_ids: [],
  automation: 'default_automation_condition_sensor',
  on: true,
  tree: part('eager', 'false', {
    operator: 'and',
    children: [
      part('in_latest_time_window', 'partly', { true: 1, of: 31, partitions: '2026-03-03' }),
      part('SINCE', 'false', {
        children: [
          part('any_deps_updated', 'false', { operator: 'or', children: [updated('planes'), updated('raw_flights')] }),
          part('handled', 'false', {
            operator: 'or',
            children: [part('newly_requested', 'false'), part('newly_updated', 'false')]
          })
        ]
      }),
      not(part('any_deps_missing', 'moot', { operator: 'or' })),
      not(part('in_progress', 'moot', { operator: 'or', left_out: 2 }))
    ]
  })
});
