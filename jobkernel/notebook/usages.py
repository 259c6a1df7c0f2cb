"""The table of every magic and its options. The parser, ``--help``, Tab and the docs all read it here."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from jobkernel.notebook.automation_usages import (
    PREVIEW,
    SCHEDULE_CELL,
    SCHEDULE_LINE,
    SCHEDULER,
    SENSOR_CELL,
    SENSOR_LINE,
    TICKS,
)
from jobkernel.notebook.backfill_usages import BACKFILL, BACKFILLS, OF_PARTITIONS, OF_SEVERAL
from jobkernel.notebook.options import Option, Usage

_DESCRIPTION: Final = Option(name="description", help="one sentence about it", metavar="TEXT")
_TAG: Final = Option(name="tag", help="a tag; may be repeated", shape="many", metavar="K=V", completes="tag")
_META: Final = Option(
    name="meta", help="metadata: JSON, text or a notebook variable; may be repeated", shape="many", metavar="K=V"
)
_PARAM: Final = Option(
    name="param",
    help="a parameter the body sees, set by --set; may be repeated",
    shape="many",
    metavar="NAME[:TYPE][=DEFAULT]",
)
_RETRIES: Final = (
    Option(name="retries", help="how often a failed step is tried again", metavar="N"),
    Option(name="retry-delay", help="how long to wait before that", metavar="10s"),
    Option(name="backoff", help="how the delay grows", choices=("linear", "exponential"), metavar="linear|exponential"),
    Option(name="jitter", help="how the delay is blurred", choices=("full", "plus-minus"), metavar="full|plus-minus"),
)
_TIMEOUT: Final = Option(name="timeout", help="how long an attempt may take", metavar="5m")
_EXECUTOR: Final = Option(
    name="executor",
    help="where it runs: threads, processes, dask, dask:ADDRESS or in_process",
    metavar="EXECUTOR",
    completes="executor",
)
_STEP: Final = (
    *_RETRIES,
    _TIMEOUT,
    Option(
        name="pool",
        help="the pool it takes a slot of; JobKernel.pools has their sizes",
        metavar="POOL",
        completes="pool",
    ),
    _EXECUTOR,
)
_PRIORITY: Final = Option(name="priority", help="higher runs first when runs wait (0)", metavar="N")
_QUIET: Final = Option(name="quiet", help="print nothing", shape="flag", short="q")
_TAKE_OVER: Final = Option(name="take-over", help="take the key from the notebook that holds it", shape="flag")

ASSET: Final = Usage(
    magic="%%asset",
    about="Define an asset by this cell: its last expression, the variable NAME, or one def.",
    optional_positional=("name",),
    options=(
        Option(
            name="ins",
            help="inputs: a name, or variable=key",
            shape="list",
            short="i",
            metavar="x=a/b,…",
            completes="key",
        ),
        Option(
            name="deps",
            help="assets to wait for without loading them",
            shape="list",
            short="d",
            metavar="a,b",
            completes="key",
        ),
        Option(name="no-infer", help="read no dependencies from the code", shape="flag"),
        Option(name="group", help="the group it is shown in", short="g", metavar="GROUP", completes="group"),
        _TAG,
        _META,
        Option(
            name="owner",
            help="an e-mail address or team:name; may be repeated",
            shape="many",
            metavar="OWNER",
            completes="owner",
        ),
        Option(
            name="kind",
            help="a label such as python or duckdb; may be repeated",
            shape="many",
            metavar="KIND",
            completes="kind",
        ),
        _DESCRIPTION,
        Option(
            name="io",
            help="the IO manager that keeps its value: a %%resource, or memory",
            metavar="MANAGER",
            completes="io",
        ),
        *OF_PARTITIONS,
        _PARAM,
        *_STEP,
        Option(name="automation", help="make it by itself: eager, on_missing or on_cron:CRON", metavar="WHEN"),
        Option(name="sql", help="the body is one DuckDB query", shape="flag"),
        Option(
            name="as",
            help="what the query's result becomes",
            choices=("arrow", "pandas", "polars"),
            metavar="arrow|pandas|polars",
        ),
        Option(name="run", help="materialize it now", shape="flag", short="r"),
        _QUIET,
        _TAKE_OVER,
    ),
    examples=(
        "%%asset daily_totals --group report --run",
        "%%asset daily_totals --retries 3 --retry-delay 10s --backoff exponential --jitter full --timeout 5m",
        "%%asset model --executor processes --pool gpu",
        "%%asset week --partitions daily:2024-01-01 --mapping orders=-6..0",
    ),
)
OP: Final = Usage(
    magic="%%op",
    about="Define an op by this cell; %%job composes ops by calling them.",
    optional_positional=("name",),
    options=(
        Option(name="ins", help="inputs of a plain body", shape="list", short="i", metavar="a,b"),
        Option(name="outs", help="outputs, when there are several", shape="list", metavar="x,y"),
        _PARAM,
        *_STEP,
        _TAG,
        _DESCRIPTION,
        _QUIET,
    ),
    examples=("%%op clean --ins raw", "%%op fetch --pool api --retries 3 --retry-delay 10s"),
)
JOB_CELL: Final = Usage(
    magic="%%job",
    about="Define an op job by composing ops: call them, pass their results on.",
    positional=("name",),
    options=(
        _TAG,
        _PRIORITY,
        replace(_EXECUTOR, help="where its steps run: threads, processes, dask, dask:ADDRESS or in_process"),
        Option(name="max-concurrent", help="how many of its steps run at once", metavar="N"),
        Option(name="config", help="run config: JSON or a notebook variable", metavar="CONFIG", completes="variable"),
        _DESCRIPTION,
        _QUIET,
    ),
    examples=("%%job nightly --tag team=ops --priority 5", "%%job nightly --executor processes --max-concurrent 2"),
)
JOB_LINE: Final = Usage(
    magic="%job",
    about="Define an asset job over a selection.",
    positional=("name",),
    rest="selection",
    options=JOB_CELL.options,
    examples=("%job report +daily_totals", "%job report +daily_totals --executor processes --priority 5"),
)
RESOURCE: Final = Usage(
    magic="%%resource",
    about="Define a resource: the body's value is handed to bodies that name it.",
    positional=("name",),
    options=(_DESCRIPTION, _QUIET),
    examples=("%%resource warehouse",),
)
CHECK: Final = Usage(
    magic="%%check",
    about="Define a check of an asset: the body returns a bool or an AssetCheckResult.",
    positional=("asset", "name"),
    options=(
        Option(name="blocking", help="a failure keeps what is downstream from running", shape="flag"),
        Option(name="severity", help="how bad a failure is", choices=("WARN", "ERROR"), metavar="WARN|ERROR"),
        *_STEP,
        _DESCRIPTION,
        _QUIET,
    ),
    examples=("%%check daily_totals has_rows --blocking", "%%check daily_totals complete --timeout 30s --pool db"),
)
_LAUNCHING: Final = (
    Option(
        name="set",
        help="a config value, such as orders.limit=10; may be repeated",
        shape="many",
        metavar="A.B=C",
        completes="config",
    ),
    Option(name="config", help="run config: JSON or a notebook variable", metavar="CONFIG", completes="variable"),
    _TAG,
    _PRIORITY,
    replace(_EXECUTOR, help="where all steps run: threads, processes, dask, dask:ADDRESS or in_process"),
    Option(
        name="partition",
        help="which partitions: KEY, A,B, FIRST..LAST, latest, all, missing, failed or stale",
        metavar="P",
        completes="partition",
    ),
    *OF_SEVERAL,
    Option(name="dry-run", help="show the plan, run nothing", shape="flag", short="n"),
)
MATERIALIZE: Final = Usage(
    magic="%materialize",
    about="Run the selected assets here, with progress, and bind those named literally.",
    rest="selection",
    options=(
        *_LAUNCHING,
        Option(name="stale", help="only what is stale or was never made", shape="flag"),
        Option(name="bg", help="run in the background and return a handle", shape="flag", short="b"),
    ),
    examples=(
        "%materialize +report --stale",
        "%materialize +report --executor processes --priority 10",
        "%materialize day --partition 2024-01-01..2024-01-31 --max-runs 4",
    ),
)
LAUNCH: Final = Usage(
    magic="%launch",
    about="Run a job in the background and return its handle.",
    positional=("job",),
    options=(*_LAUNCHING, Option(name="wait", help="wait until it has ended", shape="flag", short="w")),
    examples=("%launch nightly --set clean.limit=10", "%launch nightly --executor dask --tag team=ops"),
)
RUNS: Final = Usage(
    magic="%runs",
    about="The run history, newest first.",
    options=(
        Option(name="job", help="of one job", metavar="JOB", completes="job"),
        Option(name="status", help="of one status", metavar="STATUS", completes="status"),
        Option(name="since", help="queued within this time", metavar="24h"),
        replace(_TAG, help="of runs with this tag: k=v, or k alone; may be repeated"),
        Option(name="limit", help="how many (20)", metavar="N"),
    ),
    examples=("%runs --status FAILURE --since 24h",),
)
LOGS: Final = Usage(
    magic="%logs",
    about="What a run's steps printed and logged, and why it failed.",
    optional_positional=("run", "step"),
    options=(Option(name="follow", help="go on until the run ends", shape="flag", short="f"),),
    examples=("%logs 7f3a91c2 orders -f",),
)
GRAPH: Final = Usage(
    magic="%graph",
    about="The graph of a selection or job, live, or its picture in a file.",
    rest="selection",
    options=(Option(name="to", help="write it to a file instead", metavar="FILE.svg|.dot|.pdf|.png"),),
    examples=("%graph +report --to report.svg",),
)
WHY: Final = Usage(
    magic="%why",
    about="Why an asset, or one of its partitions, is fresh, stale or was never made.",
    positional=("name",),
    options=(Option(name="partition", help="which partition: KEY", metavar="KEY", completes="partition"),),
    examples=("%why report", "%why sales --partition 2024-01-31"),
)
CELL_USAGES: Final = {
    "asset": ASSET,
    "op": OP,
    "job": JOB_CELL,
    "resource": RESOURCE,
    "check": CHECK,
    "schedule": SCHEDULE_CELL,
    "sensor": SENSOR_CELL,
}
LINE_USAGES: Final = {
    "job": JOB_LINE,
    "materialize": MATERIALIZE,
    "launch": LAUNCH,
    "runs": RUNS,
    "logs": LOGS,
    "graph": GRAPH,
    "why": WHY,
    "schedule": SCHEDULE_LINE,
    "sensor": SENSOR_LINE,
}
SUB_USAGES: Final = {
    "cancel": Usage(
        magic="%jk cancel",
        about="Cancel a run, of this notebook or another; a second time interrupts its steps.",
        positional=("run",),
        options=(Option(name="force", help="interrupt its steps at once", shape="flag"),),
        examples=("%jk cancel 7f3a91c2", "%jk cancel 7f3a91c2 --force"),
    ),
    "reexecute": Usage(
        magic="%jk reexecute",
        about="Run again what a run ran: all, what failed, or chosen steps.",
        positional=("run",),
        options=(
            Option(name="from-failure", help="only what failed and what did not run", shape="flag"),
            replace(_LAUNCHING[0], help="a config value in place of that run's, such as orders.limit=10"),
            Option(
                name="only",
                help="only these steps (assets by key); load* takes all that follows, *load all before, load+ the next",
                shape="words",
                metavar="STEP …",
                completes="step",
            ),
        ),
        examples=(
            "%jk reexecute 7f3a91c2 --from-failure",
            "%jk reexecute nightly --set clean.limit=5",
            "%jk reexecute 7f3a91c2 --only clean load*",
        ),
    ),
    "queue": Usage(
        magic="%jk queue",
        about="Who runs, who waits and why, and the pools.",
        examples=("%jk queue",),
    ),
    "backfills": BACKFILLS,
    "backfill": BACKFILL,
    "ticks": TICKS,
    "scheduler": SCHEDULER,
    "preview": PREVIEW,
    "sql": Usage(magic="%jk sql", about="One SELECT over the history.", rest="query", takes_raw_text=True),
    "use": Usage(magic="%jk use", about="Use assets that another notebook of this project makes.", rest="keys"),
    "forget": Usage(magic="%jk forget", about="Drop definitions.", rest="names"),
    "pin": Usage(
        magic="%jk pin",
        about="Keep this notebook's schedules and sensors going when its kernel is gone, by the Jupyter server.",
        optional_positional=("notebook",),
        options=(Option(name="off", help="pin it no longer, or NOTEBOOK of this project", shape="flag"),),
        examples=("%jk pin", "%jk pin --off", "%jk pin --off old.ipynb"),
    ),
    "pins": Usage(magic="%jk pins", about="The pinned notebooks of this project, and how they are."),
    "restore": Usage(
        magic="%jk restore",
        about="Run the cells of this notebook that defined something and have not run in this kernel.",
    ),
    "prune": Usage(
        magic="%jk prune",
        about="Delete history and values that retention no longer keeps.",
        options=(Option(name="dry-run", help="only say what would go", shape="flag", short="n"),),
    ),
    "doctor": Usage(magic="%jk doctor", about="What is wrong with this installation and project, in sentences."),
}
