"""The options of the magics of schedules and sensors; a part of ``usages``."""

from __future__ import annotations

from typing import Final

from jobkernel.notebook.options import Option, Usage

_JOB: Final = Option(name="job", help="the job it starts", metavar="JOB", completes="job")
_ON: Final = Option(name="on", help="on from the start; a switch that was turned by hand stays", shape="flag")
_TAG: Final = Option(
    name="tag", help="a tag of its runs; may be repeated", shape="many", metavar="K=V", completes="tag"
)
_DESCRIPTION: Final = Option(name="description", help="one sentence about it", metavar="TEXT")
_QUIET: Final = Option(name="quiet", help="print nothing", shape="flag", short="q")
_TAKE_OVER: Final = Option(name="take-over", help="take the name from the notebook that holds it", shape="flag")
_SCHEDULE: Final = (
    _JOB,
    Option(
        name="cron", help="when: five fields, or @daily and kin; may be repeated", shape="many", metavar='"0 9 * * 1-5"'
    ),
    Option(name="timezone", help="an IANA zone, or local; UTC where none is given", metavar="ZONE", completes="zone"),
    Option(
        name="catchup",
        help="what of missed times is made up for (last)",
        choices=("none", "last", "all"),
        metavar="none|last|all",
    ),
    Option(name="catchup-cap", help="with --catchup all: at most so many (100)", metavar="N"),
    Option(
        name="overlap",
        help="what happens while its last run is not over (skip)",
        choices=("skip", "queue", "allow"),
        metavar="skip|queue|allow",
    ),
    _ON,
    _TAG,
)
SCHEDULE_CELL: Final = Usage(
    magic="%%schedule",
    about="Define a schedule: the body gives a dict of run config, RunRequests or a SkipReason.",
    positional=("name",),
    options=(*_SCHEDULE, _DESCRIPTION, _QUIET, _TAKE_OVER),
    examples=('%%schedule weekly --job report --cron "0 9 * * 1" --timezone Europe/Berlin --on',),
)
SCHEDULE_LINE: Final = Usage(
    magic="%schedule",
    about="Define a schedule without a body, switch one on or off, or show those that are defined.",
    optional_positional=("name", "switch"),
    options=(
        *_SCHEDULE,
        Option(name="config", help="run config: JSON or a notebook variable", metavar="CONFIG", completes="variable"),
        _DESCRIPTION,
        _QUIET,
        _TAKE_OVER,
    ),
    examples=('%schedule nightly --job report --cron "0 2 * * *"', "%schedule nightly on", "%schedule nightly"),
)
_SENSOR: Final = (
    _JOB,
    Option(
        name="asset",
        help="look when this asset was materialized; the body sees event",
        metavar="ASSET",
        completes="key",
    ),
    Option(name="files", help="look at files that are new or changed; the body sees files", metavar='"inbox/*.csv"'),
    Option(name="on-failure", help="look at each run that failed; the body sees context.dagster_run", shape="flag"),
    Option(
        name="on-status",
        help="the same for another status",
        choices=("QUEUED", "STARTING", "STARTED", "SUCCESS", "FAILURE", "CANCELING", "CANCELED"),
        metavar="STATUS",
    ),
    Option(
        name="monitor",
        help="with --on-failure, --on-status: runs of this job alone; may be repeated",
        shape="many",
        metavar="JOB",
        completes="job",
    ),
    Option(name="every", help="how long from one look to the next (30s)", metavar="30s"),
    Option(name="timeout", help="how long a look may take (60s)", metavar="60s"),
    _ON,
    _TAG,
    _DESCRIPTION,
    _QUIET,
    _TAKE_OVER,
)
SENSOR_CELL: Final = Usage(
    magic="%%sensor",
    about="Define a sensor: the body gives RunRequests or a SkipReason; context.cursor says where it is.",
    positional=("name",),
    options=_SENSOR,
    examples=(
        "%%sensor new_orders --job load --every 10s --on",
        '%%sensor inbox --job load --files "inbox/*.csv" --on',
        "%%sensor alarm --on-failure --monitor nightly --on",
    ),
)
SENSOR_LINE: Final = Usage(
    magic="%sensor",
    about="Define a sensor without a body, switch one on or off, set what it goes by, or show those that are defined.",
    optional_positional=("name", "switch"),
    options=(
        *_SENSOR,
        Option(name="cursor", help="what its next look finds as its cursor", metavar="TEXT"),
        Option(name="clear-cursor", help="let its next look find no cursor", shape="flag"),
        Option(name="reset-key", help="let this run key be used again; may be repeated", shape="many", metavar="KEY"),
        Option(name="reset-keys", help="let all of its run keys be used again", shape="flag"),
    ),
    examples=("%sensor new_orders on", "%sensor new_orders --clear-cursor", "%sensor new_orders --reset-key 2024-03"),
)
TICKS: Final = Usage(
    magic="%jk ticks",
    about="What schedules and sensors did and why not, newest first.",
    optional_positional=("name",),
    options=(
        Option(
            name="status",
            help="of one status",
            choices=("STARTED", "SUCCESS", "SKIPPED", "FAILURE", "MISSED"),
            metavar="STATUS",
        ),
        Option(name="since", help="looked at within this time", metavar="24h"),
        Option(name="limit", help="how many (20)", metavar="N"),
    ),
    examples=("%jk ticks nightly --since 24h",),
)
SCHEDULER: Final = Usage(
    magic="%jk scheduler",
    about="Who sees to the schedules and sensors of this notebook, whether it lives, and what comes next.",
    examples=("%jk scheduler",),
)
PREVIEW: Final = Usage(
    magic="%jk preview",
    about="What a schedule would do at a time, or a sensor with a cursor; launches nothing until .launch().",
    positional=("name",),
    options=(
        Option(name="at", help="a time of the schedule (its next one)", metavar='"2024-03-31 09:00"'),
        Option(name="cursor", help="the cursor that the sensor finds (its own)", metavar="TEXT"),
    ),
    examples=('%jk preview nightly --at "2024-03-31 09:00"', "%jk preview new_orders --cursor 17"),
)
