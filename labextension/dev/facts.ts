/** Made-up details and runs for the development page. */
import type { Details, NodeStatus, RunDetails, StatusWord } from '../src/protocol';
import { conditionShown } from './conditions';
import { FLIGHTS, HOUR, LINKS, now, runs } from './fixtures';

export function detailsOf(key: string, own: NodeStatus): Details {
  const linked = (i: 0 | 1) => LINKS.filter(l => l[i] === key).map(l => l[1 - i] as string);
  const plain: Details = {
    key,
    type: 'asset',
    label: key,
    description: '',
    kind: own.kind ?? 'polars',
    group: FLIGHTS.find(f => f[0] === key)?.[2] ?? '',
    owners: [],
    tags: {},
    upstream: linked(1),
    downstream: linked(0),
    status: own,
    why: null,
    condition: null,
    preview: null,
    metadata: [],
    checks: [],
    materializations: [],
    code: { source: `%%asset ${key}\n${key} = read("${key}")\n`, language: 'python', cell: 3, cell_id: 'c3' },
    log: null,
    error: null
  };
  return { ...plain, ...(DETAILS[key] ?? {}) };
}

const DETAILS: Record<string, Partial<Details>> = {
  clean_flights: {
    kind: 'polars DataFrame',
    owners: ['team:flights'],
    condition: conditionShown(),
    tags: { tier: 'gold' },
    description: 'Flights that left, with the minute of departure.',
    why: {
      headline: 'its code changed, and so did the helper to_minutes in cell 3.',
      parts: [
        {
          what: 'code',
          name: 'clean_flights',
          text: 'code of clean_flights',
          diff: [
            [' ', 'df = raw_flights.join(planes, …)'],
            ['-', 'df = df.drop_nulls()'],
            ['+', 'df = df.drop_nulls("dep_delay")'],
            [' ', 'clean_flights = df.with_columns(']
          ]
        }
      ]
    },
    preview: {
      form: 'table',
      shape: [327_346, 21],
      columns: [
        { name: 'month', dtype: 'i64', numeric: false },
        { name: 'carrier', dtype: 'str', numeric: false },
        { name: 'dep_delay', dtype: 'f64', numeric: true },
        { name: 'distance', dtype: 'i64', numeric: true }
      ],
      rows: [
        ['1', 'UA', '2.0', '1,400'],
        ['1', 'UA', '4.0', '1,416'],
        ['1', 'AA', '2.0', '1,089'],
        ['1', 'B6', '-1.0', '1,576']
      ]
    },
    metadata: [
      {
        name: 'rows',
        kind: 'int',
        text: '327,346',
        value: 327_346,
        history: [320, 321, 322, 322, 324, 323, 325, 326, 326, 326, 327, 327]
      },
      {
        name: 'mean dep_delay',
        kind: 'float',
        text: '12.64',
        value: 12.64,
        history: [10, 14, 13, 12, 12, 20, 21, 12, 6, 6, 5, 16]
      },
      {
        name: 'size',
        kind: 'text',
        text: '12.4 MB',
        value: '12.4 MB',
        history: [12, 12, 12.1, 12.1, 12.2, 12.2, 12.2, 12.3, 12.3, 12.3, 12.4, 12.4]
      },
      {
        name: 'source',
        kind: 'url',
        text: 'https://example.org/flights',
        value: 'https://example.org/flights',
        history: []
      },
      {
        name: 'note',
        kind: 'md',
        text: '<script>alert(1)</script> is **shown** as text, however long it may be',
        value: '',
        history: []
      }
    ],
    checks: [
      { name: 'has_rows', status: 'fresh', severity: 'ERROR', blocking: true, description: '', at: now - 2 * HOUR },
      { name: 'delay_range', status: 'fresh', severity: 'WARN', blocking: false, description: '', at: now },
      { name: 'unique_id', status: 'fresh', severity: 'ERROR', blocking: false, description: '', at: now }
    ],
    materializations: [
      { run_id: '7f3a91c2e0', at: now - 2 * HOUR, duration_s: 4.1, status: 'fresh', rows: 327_346 },
      { run_id: '41c0b7de11', at: now - 26 * HOUR, duration_s: 3.9, status: 'fresh', rows: 327_301 },
      { run_id: 'e1740f9abb', at: now - 50 * HOUR, duration_s: 0.8, status: 'failed', rows: null }
    ],
    log: {
      run_id: '7f3a91c2e0',
      step_key: 'clean_flights',
      lines: [
        { at: now, level: 'INFO', step_key: 'clean_flights', text: 'joined 336,776 flights with 3,322 planes', seq: 1 },
        { at: now, level: 'stdout', step_key: 'clean_flights', text: 'dropped 9,430 that never left', seq: 2 }
      ]
    },
    code: {
      source:
        '%%asset clean_flights --group prepare\n# minutes since midnight\ndf = raw_flights.join(planes, on="tailnum", how="left")\ndf = df.drop_nulls("dep_delay")\nclean_flights = df.with_columns(dep_minute=to_minutes(df["dep_time"]))\n',
      language: 'python',
      cell: 7,
      cell_id: 'c7'
    }
  },
  flights_weather: {
    kind: 'pandas',
    why: { headline: "KeyError: 'visib' in cell 9, line 6", parts: [] },
    error: {
      type: 'KeyError',
      message: "'visib'",
      cell: 9,
      line: 6,
      frames: [
        { where: 'cell 9', line: 6, code: 'joined["low"] = joined["visib"] < 3', own: true },
        { where: 'pandas/core/frame.py', line: 4102, code: 'indexer = self.columns.get_loc(key)', own: false }
      ],
      text: "Traceback (most recent call last):\n  …\nKeyError: 'visib'"
    },
    log: {
      run_id: '7f3a91c2e0',
      step_key: 'flights_weather',
      lines: [{ at: now, level: 'ERROR', step_key: 'flights_weather', text: "KeyError: 'visib'", seq: 3 }]
    }
  },
  report_plot: {
    kind: 'matplotlib',
    preview: {
      form: 'image',
      data: 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAoAAAAGCAYAAAD68A/GAAAAH0lEQVR42mNk+M9Qz0BFwDhq4KiBowaOGjhqIEUGAgC5QgUBO7ylVwAAAABJRU5ErkJggg=='
    }
  }
};

export function runOf(run_id: string): RunDetails {
  const row = runs().find(r => r.run_id === run_id) ?? runs()[3];
  const t0 = row.started_at ?? now;
  const step = (
    step_key: string,
    word: StatusWord,
    from: number | null,
    took: number | null,
    usual_s: number,
    more: object = {}
  ) => ({
    step_key,
    key: step_key,
    status: word,
    attempts:
      from === null
        ? []
        : [
            {
              number: 1,
              started_at: t0 + from * 1000,
              ended_at: took === null ? null : t0 + (from + took) * 1000,
              status: word,
              error: null,
              delay_s: null
            }
          ],
    started_at: from === null ? null : t0 + from * 1000,
    ended_at: from === null || took === null ? null : t0 + (from + took) * 1000,
    duration_s: took,
    usual_s,
    reason: null,
    again_at: null,
    checks: [],
    ...more
  });
  const active = row.status === 'STARTED';
  const a = (number: number, from: number, took: number, delay_s: number | null = null) => ({
    number,
    error: "KeyError: 'visib'",
    delay_s,
    started_at: t0 + from * 1000,
    ended_at: t0 + (from + took) * 1000,
    status: 'failed' as const
  });
  const failed = row.status === 'FAILURE';
  const steps = [
    step('planes', 'fresh', 0.2, 1.2, 1.3, {
      checks: [
        { name: 'unique_id', key: 'planes', passed: true, severity: 'ERROR', description: '' },
        { name: 'year_known', key: 'planes', passed: false, severity: 'WARN', description: '70 of 3,322 have no year' }
      ]
    }),
    step('raw_flights', 'fresh', 0.2, 14.8, 14.1),
    step('weather', active ? 'running' : 'fresh', 0.2, active ? null : 9.6, active ? 40 : 9.4),
    step(
      'clean_flights',
      active ? 'queued' : 'fresh',
      active ? null : 15.1,
      active ? null : 18.2,
      17.9,
      active ? { reason: 'waits for weather' } : {}
    ),
    ...(failed
      ? [
          step('flights_weather', 'failed', 33.4, 42.3, 12.2, {
            attempts: [a(1, 33.4, 11, 5), a(2, 49.4, 10.5, 5), a(3, 64.9, 10.8)]
          }),
          ...['delay_vs_weather', 'delay_by_carrier', 'report_plot'].map(k =>
            step(k, 'skipped', null, null, 8.7, { reason: 'not run: flights_weather failed' })
          )
        ]
      : active
        ? [
            step('flights_weather', 'queued', 3.2, 11, 12.2, {
              attempts: [a(1, 3.2, 11, 60)],
              again_at: Date.now() + 32_000
            }),
            step('delay_by_carrier', 'queued', null, null, 6.1, {
              reason: "waits: pool 'duckdb' is full, 1 of 1 slots are taken"
            })
          ]
        : [step('flights_weather', 'fresh', 33.4, 12.3, 12.2), step('delay_by_carrier', 'fresh', 45.9, 6.1, 6.1)])
  ];
  const line = (i: number, level: string, step_key: string, text: string) => ({
    at: t0 + i * 3100,
    level,
    step_key,
    text,
    seq: i
  });
  const log = [
    line(1, 'event', 'flights_weather', 'STEP_START attempt 1 on threads-2'),
    line(2, 'DEBUG', 'flights_weather', 'clean_flights 327,346 rows, from the kernel, 0 ms'),
    line(3, 'INFO', 'flights_weather', 'joining 327,346 flights with 26,115 weather hours'),
    line(4, 'WARNING', 'flights_weather', "KeyError: 'visib'; again in 5 s (1 of 2)"),
    line(5, 'stdout', 'raw_flights', 'read \u001b[32m336,776\u001b[0m rows'),
    line(6, 'event', 'flights_weather', 'STEP_START attempt 2 on threads-1'),
    line(7, 'WARNING', 'flights_weather', "KeyError: 'visib'; again in 5 s (2 of 2)"),
    ...(failed ? [line(8, 'ERROR', 'flights_weather', "STEP_FAILURE KeyError: 'visib'")] : [])
  ];
  const { error: _, ...rest } = row;
  return {
    ...rest,
    steps,
    longest_path: failed ? ['raw_flights', 'clean_flights', 'flights_weather'] : ['raw_flights', 'clean_flights'],
    error: failed ? (DETAILS.flights_weather.error ?? null) : null,
    error_step: failed ? 'flights_weather' : null,
    config: {},
    log,
    executor: 'threads',
    tags: { team: 'ops', ...row.tags }
  };
}
