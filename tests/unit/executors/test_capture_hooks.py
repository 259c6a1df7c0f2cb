"""The hooks in plain Python: what a step's code writes goes to the step, everything else where it always went."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import gc
import io
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from jobkernel.errors import Interrupted, InvariantViolation
from jobkernel.executors import capture
from jobkernel.executors.cancel import call_interruptible, interrupt_thread
from jobkernel.executors.capture import StepOutput, capturing


@pytest.fixture(autouse=True)
def _hooks() -> Iterator[None]:
    capture.install()
    yield
    capture.uninstall()


def a_sink() -> StepOutput:
    return StepOutput(None, lambda: 0)


def texts(sink: StepOutput, level: str | None = None) -> list[str]:
    sink.close()
    return [line.text for line in sink.lines_after(0) if level in (None, line.level)]


def test_uninstalling_leaves_everything_as_it_was() -> None:
    capture.uninstall()

    def hooked() -> list[object]:
        return [
            sys.stdin, sys.stdout, sys.stderr, builtins.input, threading.Thread.start, ThreadPoolExecutor.submit,
            logging.Logger.callHandlers, list(sys.meta_path),
        ]  # fmt: skip

    before = hooked()
    capture.install()
    capture.install()
    during = hooked()
    capture.uninstall()
    capture.uninstall()
    gc.collect()

    assert hooked() == before
    assert all(new is not old for new, old in zip(during, before, strict=True))
    print("stdout is open", end="")


def test_prints_belong_to_the_step_and_to_nobody_else(capsys: pytest.CaptureFixture[str]) -> None:
    sink = a_sink()

    print("before")
    with capturing(sink):
        print("inside")
        print("wrong", file=sys.stderr)
        print("two\nlines")
    print("after")

    assert texts(sink, "stdout") == ["inside", "two", "lines"]
    assert texts(sink, "stderr") == ["wrong"]
    assert capsys.readouterr() == ("before\nafter\n", "")


def test_concurrent_steps_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    sinks = [a_sink() for _ in range(3)]
    barrier = threading.Barrier(3)

    def step(number: int) -> None:
        with capturing(sinks[number]):
            barrier.wait(10)
            for n in range(100):
                print(f"step {number}", n)

    threads = [threading.Thread(target=step, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [texts(sink) for sink in sinks] == [[f"step {number} {n}" for n in range(100)] for number in range(3)]
    assert capsys.readouterr().out == ""


def test_threads_pools_and_tasks_of_a_step_belong_to_it() -> None:
    sink = a_sink()

    async def task() -> None:
        await asyncio.gather(asyncio.to_thread(print, "to_thread"), asyncio.sleep(0))
        await asyncio.get_running_loop().run_in_executor(None, print, "run_in_executor")
        print("task")

    with capturing(sink):
        thread = threading.Thread(target=lambda: [print("child"), run_and_join("grandchild")])
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(print, ["pool"]))
        asyncio.run(task())

    assert texts(sink) == ["child", "grandchild", "pool", "to_thread", "run_in_executor", "task"]
    assert "run" not in vars(thread)


def run_and_join(word: str) -> None:
    thread = threading.Thread(target=print, args=(word,))
    thread.start()
    thread.join()


def test_a_pool_that_outlives_a_step_serves_whoever_submits(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = a_sink(), a_sink()
    done: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool:
        with capturing(first):
            done.append(pool.submit(print, "first"))
        with capturing(second):
            done.append(pool.submit(print, "second"))
        done.append(pool.submit(print, "notebook"))

    assert [future.result() for future in done] == [None] * 3
    assert (texts(first), texts(second)) == (["first"], ["second"])
    assert capsys.readouterr().out == "notebook\n"


def test_log_records_belong_to_the_step_whatever_the_logger(capsys: pytest.CaptureFixture[str]) -> None:
    shown = logging.StreamHandler(sys.stderr)
    quiet = logging.getLogger("quiet.library")
    quiet.propagate = False
    quiet.addHandler(shown)
    sink = a_sink()
    try:
        with capturing(sink):
            late = logging.StreamHandler()
            logging.getLogger().addHandler(late)
            quiet.warning("held %d", 7)
            logging.getLogger("loud").error("failed")
            logging.getLogger().critical("root")
            quiet.error("does %d not fit", "it")
        quiet.warning("notebook's own")
    finally:
        quiet.removeHandler(shown)
        logging.getLogger().removeHandler(late)

    assert texts(sink, "WARNING") == ["quiet.library: held 7"]
    assert texts(sink, "CRITICAL") == ["root"]
    errors = texts(sink, "ERROR")
    assert errors[0] == "loud: failed"
    assert errors[1].startswith("quiet.library: 'does %d not fit' (its arguments do not fit: TypeError:")
    assert texts(sink, "stderr") == []
    assert capsys.readouterr().err == "notebook's own\n"


def test_handlers_that_collect_still_get_a_steps_records(caplog: pytest.LogCaptureFixture) -> None:
    sink = a_sink()

    with capturing(sink):
        logging.getLogger("some.library").warning("both")

    assert texts(sink) == ["some.library: both"]
    assert [record.message for record in caplog.records] == ["both"]


def test_a_notebook_without_handlers_keeps_pythons_last_resort() -> None:
    code = (
        "import logging, sys\n"
        "from jobkernel.executors import capture\n"
        "capture.install()\n"
        "logging.getLogger('x').warning('as ever')\n"
        "assert logging.getLogger().handlers == []\n"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stderr == "as ever\n"


def test_warnings_go_to_the_steps_stderr() -> None:
    code = (
        "import warnings\n"
        "from jobkernel.executors import capture\n"
        "capture.install()\n"
        "sink = capture.StepOutput(None, lambda: 0)\n"
        "with capture.capturing(sink):\n"
        "    warnings.warn('mind the gap')\n"
        "print([(line.level, line.text) for line in sink.lines_after(0)])\n"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "[('stderr', '<string>:6: UserWarning: mind the gap')]\n"
    assert ended.stderr == ""


def test_bytes_and_stream_manners() -> None:
    sink = a_sink()

    with capturing(sink):
        sys.stdout.buffer.write(b"caf\xc3")
        sys.stdout.buffer.write(b"\xa9 \xff\n")
        sys.stdout.buffer.flush()
        sys.stderr.writelines(["a\n", "b\n"])
        with pytest.raises(TypeError, match="must be str, not bytes"):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]
        sys.stdout.close()
        is_terminal = sys.stdout.isatty()

    assert not is_terminal
    assert texts(sink) == ["café \ufffd", "a", "b"]
    assert not sys.stdout.closed
    assert sys.stdout.encoding.lower() == "utf-8"


@pytest.mark.parametrize("ask", [lambda: input("name? "), lambda: sys.stdin.readline(), lambda: list(sys.stdin)])
def test_a_step_cannot_ask_for_input(ask: object) -> None:
    with capturing(a_sink()), pytest.raises(InvariantViolation, match="config or a resource"):
        ask()  # type: ignore[operator]


def test_commands_write_to_the_step() -> None:
    sink = a_sink()

    with capturing(sink):
        code = capture.system("echo out; echo err >&2; (sleep 30; echo late) & exit 3")

    assert code == 3
    assert (texts(sink, "stdout"), texts(sink, "stderr")) == (["out"], ["err"])


def test_interrupting_a_step_ends_its_command_and_what_that_started() -> None:
    sink = a_sink()
    stopped = threading.Event()

    def step() -> None:
        with capturing(sink):
            try:
                call_interruptible(capture.system, "echo $$; sleep 60 & wait")
            except Interrupted:
                stopped.set()

    thread = threading.Thread(target=step)
    thread.start()
    wait_for(lambda: sink.last_seq == 1)
    assert interrupt_thread(thread.ident or 0)
    thread.join(10)

    assert stopped.is_set()
    group = int(sink.lines_after(0)[0].text)
    wait_for(lambda: not group_is_alive(group))


def group_is_alive(group: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "--no-headers", "-g", str(group)], capture_output=True, text=True)
    return any(not line.startswith("Z") for line in found.stdout.split())


def wait_for(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_children_print_into_the_step_once_and_without_deadlock() -> None:
    said: list[str] = []
    sink = StepOutput(None, lambda: 0, lambda lines: said.extend(line.text for line in lines))
    noise_ends = threading.Event()

    def noise() -> None:
        while not noise_ends.is_set():
            print("noise")

    with capturing(sink):
        thread = threading.Thread(target=noise)
        thread.start()
        print("half a line", end="")
        children = []
        for number in range(8):
            child = os.fork()
            if child == 0:
                try:
                    print(f"child {number} says", end=" ")
                    print("hello")
                    logging.getLogger("worker").warning("from %d", number)
                finally:
                    os._exit(0)
            children.append(child)
        ends = [os.waitpid(child, 0)[1] for child in children]
        noise_ends.set()
        thread.join()
        print(" and the rest")

    sink.close()
    lines = [text for text in said if text != "noise"]
    assert ends == [0] * 8
    spoken = [f"child {number} says hello" for number in range(8)] + [f"worker: from {number}" for number in range(8)]
    assert sorted(lines) == sorted([*spoken, "half a line and the rest"])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_child_printed_before_the_step_ended_is_not_lost() -> None:
    sink = a_sink()

    with capturing(sink):
        child = os.fork()
        if child == 0:
            for n in range(150):
                print("line", n)
            os._exit(0)
        os.waitpid(child, 0)

    assert texts(sink) == [f"line {n}" for n in range(150)]


def test_a_step_inside_a_step_has_its_own_output() -> None:
    outer, inner = a_sink(), a_sink()

    with capturing(outer):
        print("one")
        with capturing(inner):
            print("two")
        print("three")

    assert (texts(outer), texts(inner)) == (["one", "three"], ["two"])


def test_capture_of_a_silent_step_costs_microseconds() -> None:
    clock = time.time_ns
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(1000):
            with capturing(StepOutput(None, clock)) as sink:
                pass
            sink.close()
        best = min(best, (time.perf_counter() - began) / 1000)

    assert best < 10e-6


def test_a_redirect_in_a_step_redirects_that_step_alone(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = a_sink(), a_sink()
    caught = io.StringIO()
    is_redirected, has_printed = threading.Event(), threading.Event()

    def redirecting() -> None:
        with capturing(one):
            with contextlib.redirect_stdout(caught), contextlib.redirect_stderr(sys.stdout):
                is_redirected.set()
                assert has_printed.wait(10)
                print("caught")
                print("caught too", file=sys.stderr)
            print("not caught")

    thread = threading.Thread(target=redirecting)
    thread.start()
    assert is_redirected.wait(10)
    with capturing(other):
        print("another step")
    print("notebook")
    has_printed.set()
    thread.join()

    assert (texts(one), texts(other)) == (["not caught"], ["another step"])
    assert caught.getvalue() == "caught\ncaught too\n"
    assert capsys.readouterr().out == "notebook\n"


def test_a_redirect_outside_steps_is_pythons_own() -> None:
    caught = io.StringIO()

    with contextlib.redirect_stdout(caught):
        print("caught")

    assert caught.getvalue() == "caught\n"


def test_a_thread_with_its_own_run_keeps_it() -> None:
    sink = a_sink()

    with capturing(sink):
        thread = threading.Thread()
        thread.run = lambda: print("own run")  # type: ignore[method-assign]
        thread.start()
        thread.join()

    assert texts(sink) == ["own run"]
